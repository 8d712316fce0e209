//! Which pages may embed a site's widget.

use std::fmt;

use mutants::Mutant;

/// An origin as a browser writes it: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// A row of a site's list of origins.
///
/// It is exact, or has one wildcard label in front (`https://*.shop.example`), or any port (`http://127.0.0.1:*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    scheme: Scheme,
    host: HostPattern,
    port: PortPattern,
}

/// The text is not an origin, or not a pattern of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOrigin;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Exact(String),
    /// One label and then this, which begins with a dot.
    OneLabel(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortPattern {
    Exact(u16),
    Any,
}

impl Origin {
    /// Reads the value of an `Origin` header or of `parent_origin`.
    ///
    /// # Errors
    /// [`InvalidOrigin`] for everything that is not exactly `scheme://host` or `scheme://host:port`, `null` included.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = Scheme::split(text)?;
        let (host, port) = split_port(rest)?;
        let port = match port {
            Some(port) => parse_port(port)?,
            None => scheme.default_port(),
        };
        Ok(Self { scheme, host: parse_host(host)?, port })
    }
}

impl Pattern {
    /// Reads a row of a site's list.
    ///
    /// # Errors
    /// [`InvalidOrigin`] for everything else, also for a wildcard over less than two labels (`https://*.example`).
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = Scheme::split(text)?;
        let (host, port) = split_port(rest)?;
        let port = match port {
            Some("*") => PortPattern::Any,
            Some(port) => PortPattern::Exact(parse_port(port)?),
            None => PortPattern::Exact(scheme.default_port()),
        };
        let host = match host.strip_prefix('*') {
            None => HostPattern::Exact(parse_host(host)?),
            Some(suffix) => {
                let parent = parse_host(suffix.strip_prefix('.').ok_or(InvalidOrigin)?)?;
                // A wildcard over a whole registry, or over the numbers of an address, is a mistake.
                let last_is_a_number = parent.rsplit('.').next().is_some_and(|last| last.bytes().all(is_digit));
                if !parent.contains('.') || last_is_a_number {
                    return Err(InvalidOrigin);
                }
                HostPattern::OneLabel(format!(".{parent}"))
            }
        };
        Ok(Self { scheme, host, port })
    }

    /// Returns whether the origin is one of these.
    pub fn matches(&self, origin: &Origin) -> bool {
        let port = match self.port {
            PortPattern::Exact(port) => port == origin.port,
            PortPattern::Any => true,
        };
        let host = match &self.host {
            HostPattern::Exact(host) if mutants::planted(Mutant::SuffixOrigins) => origin.host.ends_with(host.as_str()),
            HostPattern::Exact(host) => *host == origin.host,
            HostPattern::OneLabel(suffix) => {
                origin.host.strip_suffix(suffix.as_str()).is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
        };
        self.scheme == origin.scheme && port && host
    }
}

/// Returns whether the origin in `text` is on the list; what is not an origin is on none.
pub fn allowed(list: &[Pattern], text: &str) -> bool {
    Origin::parse(text).is_ok_and(|origin| list.iter().any(|pattern| pattern.matches(&origin)))
}

impl Scheme {
    fn split(text: &str) -> Result<(Self, &str), InvalidOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin)?;
        if scheme.eq_ignore_ascii_case("https") {
            Ok((Self::Https, rest))
        } else if scheme.eq_ignore_ascii_case("http") {
            Ok((Self::Http, rest))
        } else {
            Err(InvalidOrigin)
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

fn split_port(rest: &str) -> Result<(&str, Option<&str>), InvalidOrigin> {
    if rest.starts_with('[') {
        let (host, rest) = rest.split_at(rest.find(']').ok_or(InvalidOrigin)? + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(InvalidOrigin),
        };
    }
    Ok(rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))))
}

fn parse_port(text: &str) -> Result<u16, InvalidOrigin> {
    if text.starts_with('0') || !text.bytes().all(is_digit) {
        return Err(InvalidOrigin);
    }
    text.parse().map_err(|_| InvalidOrigin)
}

/// Takes ASCII names (punycode where they are not), IPv4 and bracketed IPv6; nothing that a URL would still rewrite.
fn parse_host(host: &str) -> Result<String, InvalidOrigin> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').ok_or(InvalidOrigin)?;
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| InvalidOrigin)?;
        return Ok(format!("[{address}]"));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(InvalidOrigin);
    }
    Ok(host.to_ascii_lowercase())
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        match &self.host {
            HostPattern::Exact(host) => f.write_str(host)?,
            HostPattern::OneLabel(suffix) => write!(f, "*{suffix}")?,
        }
        match self.port {
            PortPattern::Exact(port) if port == self.scheme.default_port() => Ok(()),
            PortPattern::Exact(port) => write!(f, ":{port}"),
            PortPattern::Any => f.write_str(":*"),
        }
    }
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an origin is scheme://host or scheme://host:port, with *. in front of the host for one label more")
    }
}

impl std::error::Error for InvalidOrigin {}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
