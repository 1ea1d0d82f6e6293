//! Checks that nothing was lost, duplicated or corrupted: compares what was acknowledged with the
//! database, read directly, and with what the server shows.

use std::collections::{BTreeMap, BTreeSet};

use throughline::pb::{
    CaseChange, PromiseState, case_change, entry::Content, identity_change, promise_change,
    quote_change,
};
use uuid::Uuid;

use crate::{
    load::{Finished, LATE, Place},
    shown::Shown,
    stored::{Stored, StoredEntry},
    watch::Watched,
    world::World,
};

/// The most problems of one kind that are reported.
const TOLD: usize = 3;

/// The result of a check.
#[derive(Debug, Default)]
pub struct Verdict {
    pub acknowledged: usize,
    pub lost: usize,
    pub doubled: usize,
    /// Everything that is wrong, including those two.
    pub problems: Vec<String>,
}

impl Verdict {
    fn find(&mut self, what: &str, found: impl IntoIterator<Item = String>) -> usize {
        let found: Vec<_> = found.into_iter().collect();
        if !found.is_empty() {
            let some = found[..found.len().min(TOLD)].join(", ");
            self.problems.push(format!("{} {what}: {some}", found.len()));
        }
        found.len()
    }
}

/// Checks a finished load against a world whose server is otherwise idle.
pub async fn check(world: &World, load: &Finished) -> Verdict {
    let stored = Stored::read(world, &load.tag).await;
    let persons: BTreeSet<Uuid> = stored.customers.values().map(|(person, _)| *person).collect();
    let shown = Shown::read(&mut world.client(), &persons).await;
    let mut verdict = compare(load, &stored, &shown);
    let mut verify = world.command(&["audit", "verify", "--seals", "seals"]);
    let verified = verify.output().unwrap();
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    verdict.find("audit logs that do not verify", (!verified.status.success()).then_some(text));
    verdict
}

fn compare(load: &Finished, stored: &Stored, shown: &BTreeMap<Uuid, Shown>) -> Verdict {
    let mut verdict = Verdict { acknowledged: load.book.acknowledged.len(), ..Default::default() };
    acknowledged(&mut verdict, load, stored);
    revisions(&mut verdict, stored);
    for (person, shown) in shown {
        let of_person = |it: &&StoredEntry| {
            stored.customers.get(&it.record).is_some_and(|(canonical, _)| canonical == person)
        };
        let mut entries: Vec<_> = stored.entries.iter().filter(of_person).collect();
        entries.sort_by_key(|it| (it.record, it.entry.revision));
        histories(&mut verdict, &entries, shown);
    }
    for watched in &load.watched {
        watches(&mut verdict, watched, stored);
    }
    let late = load.book.codes.get(LATE);
    verdict.find("calls without an end at their deadline", late.map(ToString::to_string));
    verdict.find("answers that nobody may get", load.book.wrong.iter().cloned());
    verdict
}

/// What was acknowledged is there once, as the answer said; what was refused is not.
fn acknowledged(verdict: &mut Verdict, load: &Finished, stored: &Stored) {
    let mut marks: BTreeMap<String, usize> = BTreeMap::new();
    let mut merged = BTreeSet::new();
    for it in &stored.entries {
        let Some(mark) = mark(it, &load.tag) else { continue };
        // A merge has an entry in both records.
        let is_merge = matches!(&it.entry.content, Some(Content::IdentityChange(_)));
        if !is_merge || !merged.insert((it.record, mark.clone())) || !marks.contains_key(&mark) {
            *marks.entry(mark).or_default() += 1;
        }
    }
    let places: BTreeMap<_, _> =
        stored.entries.iter().map(|it| (it.id, (it.record, it.entry.revision))).collect();
    let is_lost = |(mark, place): (&String, &Option<Place>)| {
        let is_there = marks.contains_key(mark);
        let is_in_place = place.is_none_or(|place| {
            let (record, entry, revision) = (place.record, place.entry, place.revision);
            places.get(&entry) == Some(&(record, revision))
                && stored.names.get(mark) == Some(&(record, entry, revision))
        });
        (!is_there || !is_in_place).then(|| mark.clone())
    };
    let lost: Vec<_> = load.book.acknowledged.iter().filter_map(is_lost).collect();
    verdict.lost = verdict.find("acknowledged and lost", lost);
    let doubled = marks.iter().filter(|(_, count)| **count > 1).map(|(mark, _)| mark.clone());
    verdict.doubled = verdict.find("done twice", doubled);
    let refused = load.book.refused.iter().filter(|(mark, _)| marks.contains_key(*mark));
    let refused = refused.map(|(mark, how)| format!("{mark} ({how})"));
    verdict.find("refused for good and done", refused);
}

/// The text that an operation of the load has left in an entry.
fn mark(it: &StoredEntry, tag: &str) -> Option<String> {
    let mark = match it.entry.content.as_ref()? {
        Content::Note(_) => &it.entry.source_ref,
        Content::CaseChange(CaseChange { subject: Some(subject), .. }) => subject,
        Content::FactChange(fact) => &fact.value,
        Content::PromiseChange(it) if it.change() == promise_change::Change::Made => &it.what,
        Content::PromiseChange(it) => &it.reason,
        Content::QuoteChange(quote) => &quote.article,
        Content::IdentityChange(it) if it.change() == identity_change::Change::Merged => &it.reason,
        _ => return None,
    };
    mark.strip_prefix(tag)?.starts_with('-').then(|| mark.clone())
}

/// Each revision of a record exists once, none exceeds the record's, and all entries have one.
fn revisions(verdict: &mut Verdict, stored: &Stored) {
    let of_entries: BTreeSet<_> =
        stored.entries.iter().map(|it| (it.record, it.entry.revision, it.id)).collect();
    let of_revisions: BTreeSet<_> = stored.revisions.iter().copied().collect();
    let differ = of_entries.symmetric_difference(&of_revisions);
    verdict
        .find("entries that are not the entries of revisions", differ.map(|it| it.2.to_string()));
    let mut seen = BTreeSet::new();
    let is_wrong = |(record, revision, _): &(Uuid, i64, Uuid)| {
        let last = stored.customers.get(record).map(|(_, last)| *last);
        !seen.insert((*record, *revision)) || last.is_none_or(|last| *revision > last)
    };
    let wrong: Vec<_> = of_entries.iter().copied().filter(is_wrong).collect();
    let wrong = wrong.iter().map(|(record, revision, _)| format!("{record} {revision}"));
    verdict.find("revisions twice or beyond the record's", wrong);
}

/// The state that is shown for a person is the one that its entries produce.
fn histories(verdict: &mut Verdict, entries: &[&StoredEntry], shown: &Shown) {
    let mut stored_ids: Vec<_> = entries.iter().map(|it| it.id.to_string()).collect();
    let mut shown_ids: Vec<_> = shown.entries.iter().map(|it| it.id.clone()).collect();
    stored_ids.sort();
    shown_ids.sort();
    if stored_ids != shown_ids {
        let counts = format!("{} stored, {} shown", stored_ids.len(), shown_ids.len());
        verdict.find("timelines that are not what is stored", [counts]);
    }

    let mut promises: BTreeMap<&str, (PromiseState, usize)> = BTreeMap::new();
    let mut facts: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    let mut opened: BTreeMap<&str, usize> = BTreeMap::new();
    let mut quotes: BTreeMap<&str, bool> = BTreeMap::new();
    for it in entries {
        let case_id = it.entry.case_id.as_str();
        match it.entry.content.as_ref() {
            Some(Content::PromiseChange(it)) => {
                let promise = promises.entry(&it.promise_id).or_insert((PromiseState::Open, 0));
                promise.0 = match it.change() {
                    promise_change::Change::Kept => PromiseState::Kept,
                    promise_change::Change::Withdrawn => PromiseState::Withdrawn,
                    promise_change::Change::Broken => PromiseState::Broken,
                    _ => PromiseState::Open,
                };
                promise.1 += usize::from(it.change() == promise_change::Change::Broken);
            }
            Some(Content::CaseChange(it)) if it.change() == case_change::Change::Opened => {
                *opened.entry(case_id).or_default() += 1;
            }
            Some(Content::FactChange(it)) if !it.reasked => {
                facts.entry(case_id).or_default().entry(&it.key).or_default().push(&it.value);
            }
            Some(Content::QuoteChange(it)) => {
                let is_withdrawn = it.change() == quote_change::Change::Withdrawn;
                quotes.insert(&it.quote_id, is_withdrawn);
            }
            _ => {}
        }
    }

    let of_row: BTreeMap<_, _> =
        shown.promises.iter().map(|(id, it)| (id.as_str(), it.state())).collect();
    let of_entries: BTreeMap<_, _> = promises.iter().map(|(id, it)| (*id, it.0)).collect();
    verdict.find("promises that are not their history", differences(&of_row, &of_entries));
    let twice = promises.iter().filter(|(_, it)| it.1 > 1).map(|(id, _)| (*id).to_owned());
    verdict.find("promises broken twice", twice);

    let of_row: BTreeMap<_, _> = shown.cases.keys().map(|id| (id.as_str(), 1)).collect();
    verdict.find("cases that are not their history", differences(&of_row, &opened));
    let of_row = shown.cases.iter().filter(|(_, case)| !case.facts.is_empty()).map(|(id, case)| {
        let facts = case.facts.iter().map(|fact| {
            let earlier = fact.earlier.iter().map(|it| it.value.as_str());
            let mut values: Vec<_> = earlier.chain([fact.value.as_str()]).collect();
            values.sort_unstable();
            (fact.key.as_str(), values)
        });
        (id.as_str(), facts.collect())
    });
    facts.values_mut().flat_map(BTreeMap::values_mut).for_each(|values| values.sort_unstable());
    verdict.find("facts that are not their history", differences(&of_row.collect(), &facts));

    let of_row: BTreeMap<_, _> =
        shown.quotes.iter().map(|(id, it)| (id.as_str(), it.withdrawn_at.is_some())).collect();
    verdict.find("quotes that are not their history", differences(&of_row, &quotes));
}

/// The keys whose values differ.
fn differences<T: PartialEq>(one: &BTreeMap<&str, T>, other: &BTreeMap<&str, T>) -> Vec<String> {
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differ = keys.into_iter().filter(|key| one.get(*key) != other.get(*key));
    differ.map(|key| (*key).to_owned()).collect()
}

/// A watch has delivered each entry once, and those of a record in order.
fn watches(verdict: &mut Verdict, watched: &Watched, stored: &Stored) {
    let record = Uuid::parse_str(&watched.record).expect("an id");
    let person = stored.customers.get(&record).map(|(person, _)| *person);
    let is_theirs =
        |it: &&StoredEntry| stored.customers.get(&it.record).map(|(person, _)| *person) == person;
    let wanted: BTreeSet<_> =
        stored.entries.iter().filter(is_theirs).map(|it| it.id.to_string()).collect();
    let came: BTreeSet<_> = watched.entries.iter().map(|it| it.2.clone()).collect();
    verdict.find("watched entries missing", wanted.difference(&came).cloned());
    if came.len() < watched.entries.len() {
        let twice = watched.entries.len() - came.len();
        verdict.find("watches that gave entries twice", [twice.to_string()]);
    }
    let mut last = BTreeMap::new();
    let is_early = |(record, revision, _): &&(String, i64, String)| {
        last.insert(record.clone(), *revision).is_some_and(|before| before >= *revision)
    };
    let early: Vec<_> = watched.entries.iter().filter(is_early).map(|it| it.2.clone()).collect();
    verdict.find("watched entries out of order", early);
}
