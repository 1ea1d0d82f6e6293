//! The rules of writes reimplemented in memory, as the reference for the store.

use std::collections::{BTreeMap, BTreeSet};

use throughline::model::IdentifierKind;

/// The identifiers, by their index in this list.
pub const IDENTIFIERS: [(IdentifierKind, &str); 7] = [
    (IdentifierKind::Cookie, "c0ffee-c0ffee-1"),
    (IdentifierKind::Email, "anna@example.net"),
    (IdentifierKind::Account, "anna"),
    (IdentifierKind::CustomerNumber, "1001"),
    (IdentifierKind::Email, "bert@example.net"),
    (IdentifierKind::Email, "carl@example.net"),
    (IdentifierKind::Cookie, "c0ffee-c0ffee-2"),
];

/// A call.
#[derive(Clone, Debug)]
pub enum Call {
    /// Identifiers and a given name, which may be empty.
    Identify(Vec<usize>, &'static str),
    /// All or none.
    Batch(Vec<Write>),
    /// Each by itself.
    Each(Vec<Write>),
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub who: Who,
    /// Its name in the source.
    pub name: usize,
    pub text: usize,
    /// The order that it is.
    pub order: Option<usize>,
    /// The order that it is about.
    pub about: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Identifiers(Vec<usize>),
    /// An existing customer, by its number in order of creation.
    Customer(usize),
}

/// The answer to a write, or to the identification of a customer, with the customer's revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub customer: usize,
    pub revision: i64,
    pub created: bool,
    pub repeated: bool,
    /// The indexes of identifiers in the call, and the customers they belong to.
    pub conflicts: Vec<(usize, usize)>,
}

/// Why a write is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NoCustomer,
    NameReused,
    OrderTaken,
    NoOrder,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    pub revision: i64,
    pub given_name: &'static str,
    /// Revisions and names.
    pub entries: BTreeMap<i64, usize>,
    pub orders: BTreeSet<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub customers: Vec<Customer>,
    pub owners: BTreeMap<usize, usize>,
    /// Refused claims on identifiers of other customers.
    told: BTreeSet<(usize, usize)>,
    writes: BTreeMap<usize, (Write, Answer)>,
}

impl Oracle {
    pub fn identify(&mut self, identifiers: &[usize], given_name: &'static str) -> Answer {
        let (found, conflicts) = self.choose(identifiers);
        let created = found.is_none();
        let customer = found.unwrap_or(self.customers.len());
        let linked = self.link(customer, identifiers, &conflicts);
        let known = &mut self.customers[customer];
        let filled = known.given_name.is_empty() && !given_name.is_empty();
        if filled {
            known.given_name = given_name;
        }
        let told =
            conflicts.iter().filter(|(at, _)| self.told.insert((customer, identifiers[*at])));
        known.revision += i64::from(told.count() > 0 || created || linked || filled);
        Answer { customer, revision: known.revision, created, repeated: false, conflicts }
    }

    pub fn batch(&mut self, writes: &[Write]) -> Result<Vec<Answer>, Refused> {
        let mut after = self.clone();
        let answers: Vec<_> = writes.iter().map(|write| after.write(write)).collect();
        // A reused idempotency key is reported before everything else.
        if answers.contains(&Err(Refused::NameReused)) {
            return Err(Refused::NameReused);
        }
        let answers = answers.into_iter().collect::<Result<_, _>>()?;
        *self = after;
        Ok(answers)
    }

    pub fn write(&mut self, write: &Write) -> Result<Answer, Refused> {
        let identifiers = match &write.who {
            Who::Identifiers(identifiers) => identifiers.as_slice(),
            Who::Customer(_) => &[],
        };
        if let Some((before, answer)) = self.writes.get(&write.name) {
            if before != write {
                return Err(Refused::NameReused);
            }
            let conflicts = self.others(identifiers, answer.customer);
            return Ok(Answer { repeated: true, conflicts, ..answer.clone() });
        }
        let (found, conflicts) = match write.who {
            Who::Customer(customer) if customer >= self.customers.len() => {
                return Err(Refused::NoCustomer);
            }
            Who::Customer(customer) => (Some(customer), Vec::new()),
            Who::Identifiers(_) => self.choose(identifiers),
        };
        let has = |order| found.is_some_and(|it| self.customers[it].orders.contains(&order));
        if write.order.is_some_and(has) {
            return Err(Refused::OrderTaken);
        }
        if write.about.is_some_and(|order| !has(order) && write.order != Some(order)) {
            return Err(Refused::NoOrder);
        }
        let customer = found.unwrap_or(self.customers.len());
        self.link(customer, identifiers, &conflicts);
        self.told.extend(conflicts.iter().map(|(at, _)| (customer, identifiers[*at])));
        let known = &mut self.customers[customer];
        known.revision += 1;
        known.entries.insert(known.revision, write.name);
        known.orders.extend(write.order);
        let (revision, created) = (known.revision, found.is_none());
        let answer = Answer { customer, revision, created, repeated: false, conflicts };
        self.writes.insert(write.name, (write.clone(), answer.clone()));
        Ok(answer)
    }

    /// The customer of the strongest identifier, the first of equals; and the others' identifiers.
    fn choose(&self, identifiers: &[usize]) -> (Option<usize>, Vec<(usize, usize)>) {
        let mut strongest: Option<(IdentifierKind, usize)> = None;
        for it in identifiers {
            let kind = IDENTIFIERS[*it].0;
            if let Some(owner) = self.owners.get(it)
                && strongest.is_none_or(|(so_far, _)| kind < so_far)
            {
                strongest = Some((kind, *owner));
            }
        }
        match strongest {
            None => (None, Vec::new()),
            Some((_, customer)) => (Some(customer), self.others(identifiers, customer)),
        }
    }

    fn others(&self, identifiers: &[usize], customer: usize) -> Vec<(usize, usize)> {
        let owners = identifiers.iter().enumerate();
        let owners = owners.filter_map(|(place, it)| Some((place, *self.owners.get(it)?)));
        owners.filter(|(_, owner)| *owner != customer).collect()
    }

    /// Links the unclaimed identifiers to a customer, who may be new; returns whether there were
    /// any.
    fn link(
        &mut self,
        customer: usize,
        identifiers: &[usize],
        conflicts: &[(usize, usize)],
    ) -> bool {
        if customer == self.customers.len() {
            self.customers.push(Customer::default());
        }
        let before = self.owners.len();
        if conflicts.is_empty() {
            for it in identifiers {
                self.owners.entry(*it).or_insert(customer);
            }
        }
        self.owners.len() > before
    }
}
