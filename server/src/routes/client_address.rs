//! Whose request it is, behind trusted proxies too.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName};

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the address that limits are counted for.
///
/// The header is walked from the right, over trusted proxies only: everything left of the first other address can be
/// made up. Of an IPv6 address only the network counts, because one client has all of it.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer;
    let values: Vec<_> = headers.get_all(&FORWARDED_FOR).iter().collect();
    let hops = values.iter().rev().filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(','));
    for hop in hops {
        if !trusted.contains(&address.to_canonical()) {
            break;
        }
        let Ok(before) = hop.trim().parse() else { break };
        address = before;
    }
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(peer: &str, forwarded: &[&'static str], trusted: &[&str], expected: &str) {
        let headers = forwarded.iter().map(|value| (FORWARDED_FOR.clone(), HeaderValue::from_static(value)));
        let trusted: Vec<IpAddr> = trusted.iter().map(|address| address.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        assert_eq!(client_address(peer.parse().unwrap(), &map, &trusted).to_string(), expected, "{forwarded:?}");
    }

    #[test]
    fn only_what_a_trusted_proxy_says_is_believed() {
        check("9.9.9.9", &[], &[], "9.9.9.9");
        check("9.9.9.9", &["1.2.3.4"], &[], "9.9.9.9");
        check("10.0.0.1", &["1.2.3.4"], &["10.0.0.1"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6, 1.2.3.4"], &["10.0.0.1"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &["10.0.0.1", "10.0.0.2"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &["10.0.0.1"], "1.2.3.4");
        check("10.0.0.1", &["nonsense"], &["10.0.0.1"], "10.0.0.1");
        check("::ffff:10.0.0.1", &["1.2.3.4"], &["10.0.0.1"], "1.2.3.4");
        check("2001:db8:1:2:3:4:5:6", &[], &[], "2001:db8:1:2::");
    }
}
