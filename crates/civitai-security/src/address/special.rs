//! The addresses that are not for the public internet, from the IANA special-purpose registries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address that is not for the public internet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Special {
    /// Measurements between networks; in practice also the stand-in addresses of local proxies.
    Benchmarking,
    /// Every machine on the link.
    Broadcast,
    /// Examples in texts.
    Documentation,
    /// The link itself; a cloud's metadata service is here.
    LinkLocal,
    /// This machine.
    Loopback,
    /// Groups of machines.
    Multicast,
    /// Private networks.
    Private,
    /// Set aside for protocols or for the future.
    Reserved,
    /// Behind a provider's address translation.
    Shared,
    /// IPv4 inside IPv6 by a mechanism that is given up: compatible addresses, 6to4, Teredo.
    Transition,
    /// No address; to connect to it reaches this machine.
    Unspecified,
}

impl Special {
    /// Returns whether it lies in a network that a person may have of their own, and may thus allow.
    pub fn is_private(self) -> bool {
        matches!(
            self,
            Self::Benchmarking | Self::LinkLocal | Self::Private | Self::Shared
        )
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Benchmarking => "a benchmarking",
            Self::Broadcast => "a broadcast",
            Self::Documentation => "a documentation",
            Self::LinkLocal => "a link-local",
            Self::Loopback => "a loopback",
            Self::Multicast => "a multicast",
            Self::Private => "a private",
            Self::Reserved => "a reserved",
            Self::Shared => "a carrier-grade NAT",
            Self::Transition => "an obsolete transition",
            Self::Unspecified => "an unspecified",
        })
    }
}

/// Returns what an address is for, or `None` for an ordinary address of the public internet.
///
/// IPv4-mapped addresses and those of the well-known NAT64 prefix are judged by the IPv4 address
/// that they lead to.
pub fn special(ip: IpAddr) -> Option<Special> {
    match ip {
        IpAddr::V4(ip) => special_v4(ip),
        IpAddr::V6(ip) => special_v6(ip),
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<Special> {
    V4.iter()
        .find(|(network, prefix, _)| (ip.to_bits() ^ network.to_bits()) >> (32 - prefix) == 0)
        .map(|&(.., class)| class)
}

fn special_v6(ip: Ipv6Addr) -> Option<Special> {
    let within =
        |network: Ipv6Addr, prefix: u32| (ip.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0;
    if within(MAPPED, 96) || within(NAT64, 96) {
        let [.., a, b, c, d] = ip.octets();
        return special_v4(Ipv4Addr::new(a, b, c, d));
    }
    V6.iter()
        .find(|&&(network, prefix, _)| within(network, prefix))
        .map(|&(.., class)| class)
        // Only 2000::/3 is given out as public.
        .or_else(|| (!within(v6([0x2000, 0, 0, 0]), 3)).then_some(Special::Reserved))
}

const fn v4(a: u8, b: u8, c: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, 0)
}

/// The first four groups; the rest is zero.
const fn v6([a, b, c, d]: [u16; 4]) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

const MAPPED: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
const NAT64: Ipv6Addr = v6([0x64, 0xff9b, 0, 0]);

/// The first match counts.
const V4: [(Ipv4Addr, u32, Special); 18] = [
    (Ipv4Addr::UNSPECIFIED, 32, Special::Unspecified),
    (v4(0, 0, 0), 8, Special::Reserved),
    (v4(10, 0, 0), 8, Special::Private),
    (v4(100, 64, 0), 10, Special::Shared),
    (v4(127, 0, 0), 8, Special::Loopback),
    (v4(169, 254, 0), 16, Special::LinkLocal),
    (v4(172, 16, 0), 12, Special::Private),
    (v4(192, 0, 0), 24, Special::Reserved),
    (v4(192, 0, 2), 24, Special::Documentation),
    (v4(192, 88, 99), 24, Special::Transition),
    (v4(192, 168, 0), 16, Special::Private),
    (v4(198, 18, 0), 15, Special::Benchmarking),
    (v4(198, 51, 100), 24, Special::Documentation),
    (v4(203, 0, 113), 24, Special::Documentation),
    (v4(233, 252, 0), 24, Special::Documentation),
    (v4(224, 0, 0), 4, Special::Multicast),
    (Ipv4Addr::BROADCAST, 32, Special::Broadcast),
    (v4(240, 0, 0), 4, Special::Reserved),
];

/// The first match counts.
const V6: [(Ipv6Addr, u32, Special); 15] = [
    (Ipv6Addr::UNSPECIFIED, 128, Special::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Special::Loopback),
    (Ipv6Addr::UNSPECIFIED, 96, Special::Transition),
    // NAT64 inside one network.
    (v6([0x64, 0xff9b, 1, 0]), 48, Special::Private),
    (v6([0x100, 0, 0, 0]), 64, Special::Reserved),
    // Teredo.
    (v6([0x2001, 0, 0, 0]), 32, Special::Transition),
    (v6([0x2001, 2, 0, 0]), 48, Special::Benchmarking),
    (v6([0x2001, 0xdb8, 0, 0]), 32, Special::Documentation),
    (v6([0x2001, 0, 0, 0]), 23, Special::Reserved),
    // 6to4.
    (v6([0x2002, 0, 0, 0]), 16, Special::Transition),
    (v6([0x3fff, 0, 0, 0]), 20, Special::Documentation),
    (v6([0xfc00, 0, 0, 0]), 7, Special::Private),
    (v6([0xfe80, 0, 0, 0]), 10, Special::LinkLocal),
    // Site-local, given up but still in use.
    (v6([0xfec0, 0, 0, 0]), 10, Special::Private),
    (v6([0xff00, 0, 0, 0]), 8, Special::Multicast),
];
