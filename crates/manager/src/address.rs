//! Where the API listens, and what clients call that place: an address like `0.0.0.0` is good to listen on and no address
//! to connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses that nobody has (RFC 5737, RFC 3849), of which the routing table says through which of our own they would be
/// reached. Nothing is ever sent to them.
const ELSEWHERE: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];

/// What this machine is called.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    host_name: Option<String>,
    /// The addresses by which others reach it, as far as its routes tell.
    addresses: Vec<IpAddr>,
}

impl Machine {
    /// This one. What cannot be found out is left out.
    pub fn look() -> Self {
        let host_name = hostname::get().ok().and_then(|name| name.into_string().ok());
        Self { host_name, addresses: ELSEWHERE.iter().filter_map(|(from, to)| route(*from, *to)).collect() }
    }

    /// The names and addresses that a certificate needs for a server listening at `listening` (`host:port`): those by which
    /// this machine reaches itself, what it is called, and where it listens, which may be everywhere.
    pub fn server_names(&self, listening: &str) -> Vec<String> {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        let mut add = |name: String| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        self.host_name.iter().filter(|name| is_dns_name(name)).for_each(|name| add(name.clone()));
        let host = bare_host(listening);
        match host.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() => {
                self.addresses.iter().for_each(|own| add(own.to_string()))
            }
            Ok(address) => add(address.to_string()),
            Err(_) if is_dns_name(host) => add(host.to_owned()),
            Err(_) => {}
        }
        names
    }
}

/// Through which of our own addresses a packet to `to` would leave.
fn route(from: IpAddr, to: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
    // Connecting a datagram socket asks for a route and sends nothing. The port is "discard".
    socket.connect(SocketAddr::new(to, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|own| !own.is_unspecified())
}

/// The `host:port` at which a client on this machine reaches a server that listens at `listening`.
pub(crate) fn reachable(listening: &str) -> String {
    let port = listening.rsplit_once(':').map_or("", |(_, port)| port);
    match bare_host(listening).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => format!("[{}]:{port}", Ipv6Addr::LOCALHOST),
        _ => listening.to_owned(),
    }
}

/// The host of `host:port`, an IPv6 address without its brackets.
fn bare_host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']'])
}

/// Whether a certificate can name it.
fn is_dns_name(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_');
    !name.is_empty() && name.len() <= 253 && name.chars().all(fits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            host_name: Some("builder-7".to_owned()),
            addresses: vec!["10.1.2.3".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        }
    }

    #[test]
    fn clients_connect_to_an_address_that_is_one() {
        assert_eq!(reachable("0.0.0.0:6443"), "127.0.0.1:6443");
        assert_eq!(reachable("[::]:6443"), "[::1]:6443");
        assert_eq!(reachable("[0:0:0:0:0:0:0:0]:1"), "[::1]:1");
        for same in ["127.0.0.1:1", "10.1.2.3:6443", "[2001:db8::7]:6443", "plane.example.com:6443"] {
            assert_eq!(reachable(same), same);
        }
    }

    #[test]
    fn a_certificate_names_every_way_to_the_server() {
        let always = ["localhost", "127.0.0.1", "::1", "builder-7"];
        let names = |listening: &str| machine().server_names(listening).split_off(always.len());
        assert_eq!(machine().server_names("127.0.0.1:1"), always);
        assert_eq!(names("0.0.0.0:1"), ["10.1.2.3", "2001:db8::7"]);
        assert_eq!(names("[::]:1"), ["10.1.2.3", "2001:db8::7"]);
        assert_eq!(names("10.9.9.9:1"), ["10.9.9.9"]);
        assert_eq!(names("[2001:0db8::1]:1"), ["2001:db8::1"]);
        assert_eq!(names("plane.example.com:1"), ["plane.example.com"]);
        assert_eq!(names("localhost:1"), [] as [&str; 0]);
    }

    #[test]
    fn a_name_that_no_certificate_can_hold_is_left_out() {
        let machine = Machine { host_name: Some("Büro 7".to_owned()), addresses: Vec::new() };
        assert_eq!(machine.server_names("127.0.0.1:1"), ["localhost", "127.0.0.1", "::1"]);
    }
}
