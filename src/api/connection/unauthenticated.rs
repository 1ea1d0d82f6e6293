//! The connections over which no known caller has called yet, in the order in which they came, by
//! the network that they came from.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr},
};

use super::ConnectionHandle;

/// What one site usually has: an address of IPv4, or a prefix of 64 bits of IPv6 (RFC 6177), within
/// which it takes as many addresses as it likes.
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

/// Unauthenticated connections. Whoever adds one bounds their number.
#[derive(Debug, Default)]
pub(super) struct Unauthenticated {
    /// Those of each network, by id. A network without any has no entry.
    of_networks: HashMap<Network, BTreeMap<u64, ConnectionHandle>>,
    /// The networks by how many connections each has.
    by_size: BTreeSet<(usize, Network)>,
    count: usize,
}

impl Unauthenticated {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a connection. Ids grow from one to the next.
    pub(super) fn add(&mut self, network: Network, id: u64, connection: ConnectionHandle) {
        let its = self.of_networks.entry(network).or_default();
        self.by_size.remove(&(its.len(), network));
        its.insert(id, connection);
        self.by_size.insert((its.len(), network));
        self.count += 1;
    }

    /// Takes a connection out. None where it is not there.
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

    /// Takes out the oldest connection of the network that has most, so that a flood from one
    /// network displaces itself before it displaces others.
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
        // Then both have as many, of which the later address goes first.
        assert_eq!(std::iter::from_fn(&mut oldest).collect::<Vec<_>>(), [1, 2, 0, 4, 3]);
        assert_eq!(waiting.len(), 0);
        assert!(waiting.of_networks.is_empty() && waiting.by_size.is_empty());
    }
}
