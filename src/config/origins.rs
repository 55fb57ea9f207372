//! `--cors-origins`

use std::str::FromStr;

/// The origins whose pages may use the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Every one.
    Any,
    /// These, as browsers write them (RFC 6454, section 6.2).
    Of(Vec<String>),
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "*" => Ok(Self::Any),
            list => list.split(',').map(|origin| checked(origin.trim())).collect::<Result<_, _>>().map(Self::Of),
        }
    }
}

/// An origin as browsers send it: what differs from that would never match.
fn checked(origin: &str) -> Result<String, String> {
    let wrong =
        |why: &str| Err(format!("{origin:?} {why}; an origin is like https://example.org or http://localhost:3000"));
    if origin == "*" {
        return wrong("stands alone or not at all");
    }
    let Some((scheme, host)) = origin.split_once("://") else { return wrong("has no scheme") };
    if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_lowercase() || b"+-.0123456789".contains(&byte)) {
        return wrong("has a scheme that no browser sends");
    }
    let is_of_hosts = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_of_hosts) {
        return wrong("has more than a host in lower case and a port");
    }
    let is_default = match scheme {
        "https" => host.ends_with(":443"),
        "http" => host.ends_with(":80"),
        _ => false,
    };
    if is_default { wrong("names the port that browsers leave out") } else { Ok(origin.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_that_a_browser_sends() {
        let of = |origins: &[&str]| Ok(Origins::Of(origins.iter().map(|&origin| origin.to_owned()).collect()));
        assert_eq!(" * ".parse(), Ok(Origins::Any));
        assert_eq!("https://example.org".parse(), of(&["https://example.org"]));
        assert_eq!(
            "http://localhost:3000, http://[::1]:8080 ,moz-extension://0a-1".parse(),
            of(&["http://localhost:3000", "http://[::1]:8080", "moz-extension://0a-1"])
        );
        for wrong in [
            "",
            "example.org",
            "https://",
            "https://example.org/",
            "https://example.org/page",
            "https://Example.org",
            "HTTPS://example.org",
            "https://example.org:443",
            "http://a:80",
            "null",
            "https://a,*",
            "https://a,,https://b",
            "https://*.example.org",
            "https://a b",
            "https://ex\u{e4}mple.org",
        ] {
            let error = wrong.parse::<Origins>().expect_err(wrong);
            assert!(error.contains("https://example.org"), "{error}");
        }
    }
}
