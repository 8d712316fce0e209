//! Whose request it is, behind trusted proxies too.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::bounds::network;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the address that limits are counted for.
///
/// The header is walked from the right, over trusted proxies only: everything left of the first other address can be
/// made up. Of an IPv6 address only the network counts, because one client has all of it.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    let values: Vec<_> = headers.get_all(&FORWARDED_FOR).iter().collect();
    let hops = values.iter().rev().filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(','));
    for hop in hops {
        if !trusted.iter().any(|proxy| proxy.contains(&address.to_canonical())) {
            break;
        }
        let Ok(before) = hop.trim().parse() else { break };
        address = before;
    }
    network(address)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(peer: &str, forwarded: &[&'static str], trusted: &[&str], expected: &str) {
        let headers = forwarded.iter().map(|value| (FORWARDED_FOR.clone(), HeaderValue::from_static(value)));
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
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
        check("10.0.0.1", &["1.2.3.4"], &["10.0.0.1/32"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6, 1.2.3.4"], &["10.0.0.1/32"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &["10.0.0.0/8"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &["10.0.0.1/32"], "1.2.3.4");
        check("10.0.0.1", &["nonsense"], &["10.0.0.1/32"], "10.0.0.1");
        check("::ffff:10.0.0.1", &["1.2.3.4"], &["10.0.0.1/32"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &["10.0.0.1/32"], "10.0.0.2");
        check("fd00::1", &["6.6.6.6, 1.2.3.4, fd00::2"], &["fd00::/8"], "1.2.3.4");
        check("10.0.0.1", &["1.2.3.4, nonsense"], &["10.0.0.0/8"], "10.0.0.1");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &["10.0.0.0/8"], "10.0.0.3");
        check("2001:db8:1:2:3:4:5:6", &[], &[], "2001:db8:1:2::");
    }
}
