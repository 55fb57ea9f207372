// How toxic are texts, by fetch, in Node 18 or newer and in browsers.
//
//   node analyze.mjs TEXT...
//   import {Tamis} from './analyze.mjs';
//
// TAMIS_URL is the daemon's address, TAMIS_KEY a key where it wants one, TAMIS_MODEL who answers. The daemon lets the pages
// in that `--cors-origins` names, and those of its own origin. A key in a page is everybody's: let the server that sends
// the page add it.

// What a batch may hold: `--max-batch` of the daemon.
const BATCH = 256;
// How often and how long to wait for a daemon that is busy, in milliseconds.
const ATTEMPTS = 6;
const LONGEST_WAIT = 30_000;
const PATIENCE = 30_000;

/** What the daemon says is wrong: a problem document (RFC 9457), or such a member of a batch. */
export class Refused extends Error {
  constructor({status, detail, error_type, field}) {
    super(detail);
    this.name = 'Refused';
    this.status = status;
    // One of a closed set, such as "empty_text": for programs to look at.
    this.errorType = error_type;
    // What of the request is at fault, where one thing is.
    this.field = field;
  }
}

/** One daemon. */
export class Tamis {
  constructor(url = 'http://localhost:8000', key = undefined) {
    this.url = url;
    this.headers = {'content-type': 'application/json', ...(key ? {'x-api-key': key} : {})};
  }

  /** `score` 0 to 100, `toxicity_level`, the probability of each of the `labels`. */
  analyze(text, {model = 'simple', explain = false} = {}) {
    return this.post('/analyze', {text, model, explain});
  }

  /** The same for each of any number of texts, in order; what is wrong with one stands in its place, as `Refused`. */
  async *analyzeAll(texts, {model = 'simple'} = {}) {
    for (let from = 0; from < texts.length; from += BATCH) {
      const {results} = await this.post('/analyze/batch', {texts: texts.slice(from, from + BATCH), model});
      for (const result of results) {
        yield 'error_type' in result ? new Refused(result) : result;
      }
    }
  }

  /** The class of an iris by sepal length and width, petal length and width, in cm. */
  predict(features) {
    return this.post('/predict', {features});
  }

  async post(path, body) {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(this.url + path, {
        method: 'POST',
        headers: this.headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE),
      });
      // Busy, or its model is still loading: it says when to come back, in seconds.
      if (response.status === 503 && attempt < ATTEMPTS) {
        await response.body?.cancel();
        const seconds = Number(response.headers.get('retry-after') ?? 1);
        await new Promise((resolve) => setTimeout(resolve, Math.min(seconds * 1000, LONGEST_WAIT)));
        continue;
      }
      if (response.ok) return response.json();
      if (response.headers.get('content-type')?.startsWith('application/problem+json')) {
        throw new Refused(await response.json());
      }
      // Not the daemon's answer: that of something between here and there.
      throw new Error(`${response.status} ${response.statusText}`);
    }
  }
}

async function main(texts) {
  const {TAMIS_URL, TAMIS_KEY, TAMIS_MODEL} = process.env;
  const tamis = new Tamis(TAMIS_URL, TAMIS_KEY);
  let index = 0;
  for await (const result of tamis.analyzeAll(texts, {model: TAMIS_MODEL})) {
    const refused = result instanceof Refused;
    if (refused) process.exitCode = 1;
    const told = refused ? `-\t${result.errorType}` : `${result.score}\t${result.toxicity_level}`;
    console.log(`${told}\t${texts[index]}`);
    index += 1;
  }
}

const isRun = async () => {
  const script = globalThis.process?.argv?.[1];
  return script && import.meta.url === (await import('node:url')).pathToFileURL(script).href;
};

if (await isRun()) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  });
}
