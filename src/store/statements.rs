//! All statements of the store by name: the tests prepare them on both databases, and a release
//! keeps a copy for the next one.

use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use crate::{
    error::Error,
    store::{
        Store,
        aggregate::{case, case_list, case_pass, promise, purchase, quote, reask_rate},
        audit, briefing,
        entry::{
            seals, search,
            timeline::{self, page},
        },
        files,
        health::{observe, ready},
        identity::{
            approval, claims, customer_search, customers, link, matching, merge, merge_exclusion,
            suggestion, unmerge,
        },
        open,
        privacy::{erasure, export, restricted, restriction, retention},
        sql::{database_id, db::on_db, dialect, migrate, settings},
        watch,
    },
};

/// A statement for the current database.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Such as `cases.get`. Statements for one purpose that differ in a clause share a name.
    pub name: String,
    pub text: String,
    /// Whether it is for the audit log, which is a separate file on SQLite.
    pub is_audit: bool,
}

/// The statements for an audit log in a separate file.
const OF_FILES: [(&str, &str); 3] = [
    ("write_count.count", files::COUNT),
    ("audit_settings.get", database_id::GET_OF_AUDIT),
    ("audit_settings.add", database_id::ADD_OF_AUDIT),
];

impl Store {
    /// All statements for this database.
    #[doc(hidden)]
    pub fn statements(&self) -> Vec<Statement> {
        let of_files: &[_] = if self.db.kind() == dialect::Kind::Sqlite { &OF_FILES } else { &[] };
        let of_audit = audit::TEXTS.iter().chain(&seals::AUDIT_TEXTS).chain(of_files);
        let of_audit = of_audit.map(|(name, text)| (*name, (*text).to_owned(), true));
        let others = self.texts().into_iter().map(|(name, text)| (name, text, false));
        let statement = |(name, text, is_audit): (&str, String, bool)| Statement {
            name: name.to_owned(),
            text,
            is_audit,
        };
        of_audit.chain(others).map(statement).collect()
    }

    /// Prepares a statement: an error means that the tables do not fit.
    #[doc(hidden)]
    pub async fn prepare(&self, statement: &Statement) -> Result<(), Error> {
        let db = if statement.is_audit { &self.audit } else { &self.db };
        let text = AssertSqlSafe(statement.text.clone()).into_sql_str();
        let prepared = on_db!(db, |c| c.prepare(text).await.map(drop));
        prepared.map_err(|error| Error::Internal(format!("{}: {error}", statement.name)))
    }

    fn texts(&self) -> Vec<(&'static str, String)> {
        let kind = self.db.kind();
        let twin = |twin: dialect::Twin| twin.on(kind);
        let mut all = vec![
            ("approvals.add", approval::ADD.to_owned()),
            ("approvals.find", approval::FIND.to_owned()),
            ("approvals.remove", approval::REMOVE.to_owned()),
            ("claims.find", claims::FIND.to_owned()),
            ("claims.last", claims::LAST.to_owned()),
            ("claims.set_verified", claims::SET_VERIFIED.to_owned()),
            ("claims.set_refused", claims::SET_REFUSED.to_owned()),
            ("merge_exclusions.add", merge_exclusion::ADD.to_owned()),
            ("merge_exclusions.remove", merge_exclusion::REMOVE.to_owned()),
            ("links.set_verification", link::SET_VERIFICATION.to_owned()),
            ("links.set_claimed", link::SET_CLAIMED.to_owned()),
            ("links.set_shared", link::SET_SHARED.to_owned()),
            ("links.add_ended", link::ADD_ENDED.to_owned()),
            ("links.remove", link::REMOVE.to_owned()),
            ("merges.add", merge::ADD.to_owned()),
            ("merges.get", merge::GET.to_owned()),
            ("merges.set_records", merge::SET_RECORDS.to_owned()),
            ("unmerges.add", unmerge::ADD.to_owned()),
            ("customers.set_profile", customers::SET_PROFILE.to_owned()),
            ("entries.get", timeline::GET_ENTRY.to_owned()),
            ("suggestions.page", suggestion::LIST.to_owned()),
            ("dismissals.add", suggestion::ADD.to_owned()),
            ("cases.record_of", case::RECORD_OF.to_owned()),
            ("cases.get", case::GET.to_owned()),
            ("cases.load", case::LOAD.to_owned()),
            ("cases.set", case::SET.to_owned()),
            ("customers.count_open_cases", case::COUNT_OPEN.to_owned()),
            ("cases.of_queue", case_list::LIST_OF_QUEUE.to_owned()),
            ("cases.of_owner", case_list::LIST_OF_OWNER.to_owned()),
            ("cases.entries", case::ENTRIES.to_owned()),
            ("case_passes.remove", case_pass::REMOVE.to_owned()),
            ("case_passes.add", case_pass::ADD.to_owned()),
            ("case_passes.find", case_pass::FIND.to_owned()),
            ("case_passes.count_try", case_pass::COUNT_TRY.to_owned()),
            ("case_passes.give_back", case_pass::GIVE_BACK.to_owned()),
            ("case_passes.redeemed", case_pass::REDEEMED.to_owned()),
            ("promises.record_of", promise::RECORD_OF.to_owned()),
            ("promises.get", promise::GET.to_owned()),
            ("promises.load", promise::LOAD.to_owned()),
            ("promises.set", promise::SET.to_owned()),
            ("promises.due", promise::DUE.to_owned()),
            ("promises.next_due", promise::NEXT_DUE.to_owned()),
            ("promises.entries", promise::ENTRIES.to_owned()),
            ("quotes.record_of", quote::RECORD_OF.to_owned()),
            ("quotes.get", quote::GET.to_owned()),
            ("quotes.load", quote::LOAD.to_owned()),
            ("quotes.set", quote::SET.to_owned()),
            ("quotes.count_valid", quote::COUNT_VALID.to_owned()),
            ("quotes.entries", quote::ENTRIES.to_owned()),
            ("told_facts.of_case", reask_rate::OF_CASE.to_owned()),
            ("told_facts.of_all", reask_rate::OF_ALL.to_owned()),
            ("briefing.standing", briefing::STANDING.to_owned()),
            ("restrictions.add", restriction::ADD.to_owned()),
            ("restrictions.lift", restriction::LIFT.to_owned()),
            ("restrictions.get", restriction::GET.to_owned()),
            ("customers.set_restricted", restriction::SET_RESTRICTED.to_owned()),
            ("customers.set_held", restriction::SET_HELD.to_owned()),
            ("customers.restricted", restricted::LIST.to_owned()),
            ("settings.get", settings::GET.to_owned()),
            ("settings.add", settings::ADD.to_owned()),
            ("settings.set", settings::SET.to_owned()),
            ("settings.raise", migrate::RAISE.to_owned()),
            ("heartbeats.set", ready::BEAT.to_owned()),
            ("heartbeats.get", ready::READ.to_owned()),
            ("promises.count_overdue", observe::OVERDUE.to_owned()),
            ("erasures.count_unfinished", observe::UNFINISHED.to_owned()),
            ("database.has_tables", twin(open::HAS_TABLES).to_owned()),
        ];
        all.extend(dialect::STATEMENTS.iter().map(|(name, text)| (*name, twin(*text).to_owned())));
        all.push(("briefing.last_entries", twin(briefing::LAST_ENTRIES).to_owned()));
        all.extend(seals::TEXTS.iter().map(|(name, text)| (*name, (*text).to_owned())));
        all.extend(purchase::TEXTS.iter().map(|(name, text)| (*name, (*text).to_owned())));
        all.extend(customer_search::statements(&self.db));
        all.extend(export::statements());
        all.extend(retention::statements(kind));
        all.extend(watch::statements(kind));
        all.extend(erasure::statements(kind));
        all.extend(matching::TWINS.iter().map(|(name, text)| (*name, twin(*text).to_owned())));
        all.extend(matching::TEXTS.iter().map(|(name, text)| (*name, (*text).to_owned())));
        let pages = timeline::TEXTS[kind as usize].iter();
        all.extend(pages.map(|text| ("entries.page", text.clone())));
        let merged = timeline::MERGED_TEXTS[kind as usize].iter();
        all.extend(merged.map(|text| ("entries.merged_page", text.clone())));
        for by in page::By::ALL {
            let text = search::search_text(twin(dialect::WORDS_MATCH), by);
            all.push(("entries.search", text));
        }
        all
    }
}
