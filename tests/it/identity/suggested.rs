//! Suggestions of two customers, as far as the oracle knows: the required and the forbidden ones.

use std::collections::BTreeSet;

use throughline::error::Error;

use super::world::{World, Wrong, same};

impl World {
    /// The suggestions for a customer, once all have been compared: no forbidden one, and all who
    /// have verified what this one claims.
    pub async fn suggested(&self, record: usize) -> Result<BTreeSet<usize>, Wrong> {
        if record >= self.oracle.records.len() {
            return Ok(BTreeSet::new());
        }
        match self.store.match_all(&[]).await {
            Ok(_) => {
                let listed = self.listed(record).await?;
                let wanted = self.oracle.in_conflict(record);
                let missing = wanted.difference(&listed).collect::<Vec<_>>();
                same("in conflict and not suggested", &missing, &Vec::new())?;
                Ok(listed)
            }
            // Another worker compares the customers of this database.
            Err(Error::Conflict) => self.listed(record).await,
            Err(error) => Err(format!("{error:?}")),
        }
    }

    pub async fn listed(&self, record: usize) -> Result<BTreeSet<usize>, Wrong> {
        let id = self.id(record);
        let page = self.store.list_suggestions(Some(id), 0.0, None, 200).await;
        let root = self.oracle.root(record);
        let mut others = BTreeSet::new();
        for suggestion in page.map_err(|error| format!("{error:?}"))?.suggestions {
            let pair = [suggestion.one_id, suggestion.other_id].map(|id| self.number(id));
            let other = match pair {
                [Some(one), Some(other)] if one == root => other,
                [Some(other), Some(one)] if one == root => other,
                // Of another sequence in this database.
                [Some(one), None] | [None, Some(one)] if one == root => continue,
                _ => return Err(format!("a suggestion of somebody else: {pair:?}")),
            };
            if self.oracle.root(other) != other || !self.oracle.may_be_suggested(root, other) {
                return Err(format!("{root} and {other} must not be suggested"));
            }
            others.insert(other);
        }
        Ok(others)
    }
}
