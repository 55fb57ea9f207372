// JavaScript clients of Perspective against the daemon: URL KEY. Nothing of either is changed but the address: that of the
// discovery document of Google's own (`google.discoverAPI` of googleapis is `Discovery` of googleapis-common), and that
// which perspective-api-client has written into it, replaced where axios sends it.
'use strict';

const assert = require('node:assert/strict');
const axios = require('axios');
const {Discovery} = require('googleapis-common');
const Perspective = require('perspective-api-client');

const THEIRS = 'https://commentanalyzer.googleapis.com';

async function google(url, key) {
  const endpoint = await new Discovery().discoverAPI(url + '/$discovery/rest?version=v1alpha1');
  const client = endpoint({});
  const text = '👍 Good morning. You stupid idiot!';
  const resource = {
    comment: {text},
    requestedAttributes: {TOXICITY: {}, INSULT: {scoreThreshold: 0}},
    spanAnnotations: true,
    clientToken: 'three',
  };
  const {status, data} = await client.comments.analyze({key, resource});
  assert.equal(status, 200);
  assert.equal(data.clientToken, 'three');
  const spans = data.attributeScores.TOXICITY.spanScores;
  // Places in a string of JavaScript are UTF-16 code units.
  assert.deepEqual(
    spans.map(({begin, end}) => text.slice(begin, end)),
    ['👍 Good morning.', 'You stupid idiot!'],
  );
  assert.ok(spans[0].score.value < 0.2 && spans[1].score.value > 0.5, JSON.stringify(spans));
  const suggested = {comment: {text}, attributeScores: {TOXICITY: {summaryScore: {value: 1}}}, clientToken: 'four'};
  assert.deepEqual((await client.comments.suggestscore({key, resource: suggested})).data, {clientToken: 'four'});
  await assert.rejects(client.comments.analyze({key, resource: {comment: {text}}}), (error) => {
    assert.equal(error.message, 'Missing requested_attributes');
    assert.equal(error.status, 400);
    return true;
  });
}

async function other(url, key) {
  axios.interceptors.request.use((config) => ({...config, url: config.url.replace(THEIRS, url)}));
  const perspective = new Perspective({apiKey: key});
  const plain = await perspective.analyze('<b>You stupid idiot!</b>');
  assert.ok(plain.attributeScores.TOXICITY.summaryScore.value > 0.5, JSON.stringify(plain));
  const two = await perspective.analyze('You are kind.', {attributes: ['insult', 'threat']});
  assert.deepEqual(Object.keys(two.attributeScores), ['INSULT', 'THREAT']);
  const whole = {comment: {text: 'You are kind.'}, requestedAttributes: {PROFANITY: {scoreThreshold: 0.9}}};
  assert.deepEqual(await perspective.analyze(whole), {languages: ['en']});
  await assert.rejects(perspective.analyze('Hi.', {attributes: ['FLIRTATION']}), (error) => {
    assert.equal(error.name, 'ResponseError');
    assert.equal(error.message, 'Unknown requested attribute: FLIRTATION');
    assert.equal(error.response.data.error.status, 'INVALID_ARGUMENT');
    return true;
  });
  await assert.rejects(new Perspective({apiKey: 'wrong'}).analyze('Hi.'), (error) => error.response.status === 401);
}

async function main(url, key) {
  await google(url, key);
  await other(url, key);
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
