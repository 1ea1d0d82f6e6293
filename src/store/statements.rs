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
        sql::{database_id, db::on_db, dialect, migrate, settings, statement},
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
        let of_files: &[_] =
            if self.db.kind() == statement::Kind::Sqlite { &OF_FILES } else { &[] };
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
        let twin = |twin: statement::Twin| twin.on(kind);
        let alike: [&[(&str, &str)]; 25] = [
            &approval::STATEMENTS[..],
            &claims::STATEMENTS,
            &merge_exclusion::STATEMENTS,
            &link::STATEMENTS,
            &merge::STATEMENTS,
            &unmerge::STATEMENTS,
            &customers::STATEMENTS,
            &timeline::STATEMENTS,
            &suggestion::STATEMENTS,
            &case::STATEMENTS,
            &case_list::STATEMENTS,
            &case_pass::STATEMENTS,
            &promise::STATEMENTS,
            &quote::STATEMENTS,
            &reask_rate::STATEMENTS,
            &briefing::STATEMENTS,
            &restriction::STATEMENTS,
            &restricted::STATEMENTS,
            &settings::STATEMENTS,
            &migrate::STATEMENTS,
            &ready::STATEMENTS,
            &observe::STATEMENTS,
            &seals::TEXTS,
            &purchase::TEXTS,
            &matching::TEXTS,
        ];
        let alike = alike.into_iter().flatten();
        let mut all: Vec<_> = alike.map(|(name, text)| (*name, (*text).to_owned())).collect();
        all.push(("database.has_tables", twin(open::HAS_TABLES).to_owned()));
        all.extend(dialect::STATEMENTS.iter().map(|(name, text)| (*name, twin(*text).to_owned())));
        all.push(("briefing.last_entries", twin(briefing::LAST_ENTRIES).to_owned()));
        all.extend(customer_search::statements(&self.db));
        all.extend(export::statements());
        all.extend(retention::statements(kind));
        all.extend(watch::statements(kind));
        all.extend(erasure::statements(kind));
        all.extend(matching::TWINS.iter().map(|(name, text)| (*name, twin(*text).to_owned())));
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
