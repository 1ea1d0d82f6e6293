//! Unauthenticated connections in the order of their arrival, by network.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr},
};

use super::ConnectionHandle;

/// The network of one site: an IPv4 address, or an IPv6 prefix of 64 bits (RFC 6177), within which
/// a site can use any number of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network(IpAddr);

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(prefix))
            }
            address => address,
        })
    }
}

/// Unauthenticated connections. Their number is limited by whoever adds them.
#[derive(Debug, Default)]
pub(super) struct Unauthenticated {
    /// The connections of each network, by id. Networks without any are absent.
    of_networks: HashMap<Network, BTreeMap<u64, ConnectionHandle>>,
    /// The networks by their number of connections.
    by_size: BTreeSet<(usize, Network)>,
    count: usize,
}

impl Unauthenticated {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a connection. Ids must increase.
    pub(super) fn add(&mut self, network: Network, id: u64, connection: ConnectionHandle) {
        let its = self.of_networks.entry(network).or_default();
        self.by_size.remove(&(its.len(), network));
        its.insert(id, connection);
        self.by_size.insert((its.len(), network));
        self.count += 1;
    }

    /// Removes a connection. None if it is absent.
    pub(super) fn remove(&mut self, network: Network, id: u64) -> Option<ConnectionHandle> {
        let its = self.of_networks.get_mut(&network)?;
        let size = its.len();
        let removed = its.remove(&id)?;
        self.by_size.remove(&(size, network));
        if its.is_empty() {
            self.of_networks.remove(&network);
        } else {
            self.by_size.insert((size - 1, network));
        }
        self.count -= 1;
        Some(removed)
    }

    /// Removes the oldest connection of the network with the most, so that a flood from one network
    /// displaces itself before others.
    pub(super) fn remove_oldest(&mut self) -> Option<ConnectionHandle> {
        let (_, network) = *self.by_size.last()?;
        let (id, _) = self.of_networks.get(&network)?.first_key_value()?;
        self.remove(network, *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn a_network_is_an_address_or_a_prefix_of_64_bits() {
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1:ffff::2"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
    }

    #[test]
    fn the_oldest_of_the_largest_network_goes_first() {
        let (few, many) = (network("192.0.2.1"), network("192.0.2.2"));
        let mut waiting = Unauthenticated::default();
        let handles: Vec<_> = (0..5).map(|_| ConnectionHandle::default()).collect();
        for (id, network) in (0..).zip([few, many, many, few, many]) {
            waiting.add(network, id, handles[usize::try_from(id).unwrap()].clone());
        }
        assert!(waiting.remove(few, 1).is_none(), "it came from the other network");
        let mut oldest = || {
            let removed = waiting.remove_oldest()?;
            handles.iter().position(|handle| handle.is_of_one_connection(&removed))
        };
        // Then both have equally many, and the higher address goes first.
        assert_eq!(std::iter::from_fn(&mut oldest).collect::<Vec<_>>(), [1, 2, 0, 4, 3]);
        assert_eq!(waiting.len(), 0);
        assert!(waiting.of_networks.is_empty() && waiting.by_size.is_empty());
    }
}
