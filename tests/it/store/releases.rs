//! Compatibility of servers of two versions on one database: the tables and columns that a release
//! uses must exist in later versions (expand, contract). Whether their meaning is unchanged is not
//! tested here.
//!
//! `tests/releases/VERSION.json` holds the migrations and the statements of a release. It is
//! written once, when the version is released: `RELEASE=tests/releases cargo test --test it --
//! --ignored store::releases::write`.

use std::{collections::BTreeMap, env, fs, path::Path};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use throughline::{
    clock::Clock,
    store::{Statement, Store},
};

use crate::support::{Database, TempFolder, on_both};

/// A release, as far as later versions must know it.
struct Release {
    version: String,
    /// The hash of each migration by its path, such as `sqlite/0001_timeline.sql`.
    migrations: BTreeMap<String, String>,
    /// By the kind of the database.
    statements: BTreeMap<String, Vec<Statement>>,
}

impl Release {
    /// This version, as if released now. Without PostgreSQL its statements are missing.
    async fn current() -> Self {
        let mut statements = BTreeMap::new();
        for database in [Some(Database::sqlite()), Database::postgres().await] {
            let Some(database) = database else { continue };
            let store = open(&database).await;
            statements.insert(database.name.to_owned(), store.statements());
            store.close().await;
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { version, migrations: migrations(), statements }
    }

    fn write(&self, folder: &Path) {
        let statement = |it: &Statement| json!([it.name, it.text, it.is_audit]);
        let statements: BTreeMap<&String, Vec<Value>> = self
            .statements
            .iter()
            .map(|(database, all)| (database, all.iter().map(statement).collect()))
            .collect();
        let release = json!({ "migrations": self.migrations, "statements": statements });
        fs::create_dir_all(folder).unwrap();
        let text = serde_json::to_string_pretty(&release).unwrap() + "\n";
        fs::write(folder.join(format!("{}.json", self.version)), text).unwrap();
    }

    /// The releases in a folder; none if there is no such folder.
    fn read_all(folder: &Path) -> Vec<Self> {
        let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
        files.map(|file| Self::read(&file.unwrap().path())).collect()
    }

    fn read(path: &Path) -> Self {
        let release: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let statement = |it: &Value| Statement {
            name: it[0].as_str().unwrap().to_owned(),
            text: it[1].as_str().unwrap().to_owned(),
            is_audit: it[2].as_bool().unwrap(),
        };
        let statements = release["statements"].as_object().unwrap().iter();
        Self {
            version: path.file_stem().unwrap().to_string_lossy().into_owned(),
            migrations: serde_json::from_value(release["migrations"].clone()).unwrap(),
            statements: statements
                .map(|(database, all)| {
                    (database.clone(), all.as_array().unwrap().iter().map(statement).collect())
                })
                .collect(),
        }
    }

    /// Its migrations that are now missing or changed.
    fn changed_migrations(&self) -> Vec<String> {
        let now = migrations();
        let changed = self.migrations.iter().filter(|(path, hash)| now.get(*path) != Some(*hash));
        changed.map(|(path, _)| format!("{}: {path}", self.version)).collect()
    }

    /// Its statements that fail on the tables of a store.
    async fn refused_statements(&self, store: &Store, database: &Database) -> Vec<String> {
        let mut refused = Vec::new();
        for statement in self.statements.get(database.name).into_iter().flatten() {
            if let Err(error) = store.prepare(statement).await {
                refused.push(format!("{}: {}", self.version, error.cause()));
            }
        }
        refused
    }
}

async fn open(database: &Database) -> Store {
    Store::open(&database.url, 2, Clock::System).await.unwrap()
}

/// The hashes of this version's migrations.
fn migrations() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut all = BTreeMap::new();
    for kind in ["sqlite", "postgres"] {
        for file in fs::read_dir(root.join(kind)).unwrap() {
            let file = file.unwrap();
            let name = format!("{kind}/{}", file.file_name().to_string_lossy());
            let hash = Sha256::digest(fs::read(file.path()).unwrap());
            let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            all.insert(name, hex);
        }
    }
    all
}

/// Changes the tables directly.
async fn change(database: &Database, sql: &'static str) {
    match database.name {
        "SQLite" => {
            let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
            connection.execute(sql).await.unwrap();
        }
        _ => {
            let mut connection = PgConnection::connect(&database.url).await.unwrap();
            connection.execute(sql).await.unwrap();
        }
    }
}

#[tokio::test]
async fn released_versions_work_on_the_tables_of_this_one() {
    // The next release would be checked with the existing ones.
    let next = TempFolder::new();
    Release::current().await.write(next.path());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases");
    let mut releases = Release::read_all(&root);
    releases.extend(Release::read_all(next.path()));
    on_both(async |database| {
        let store = open(database).await;
        for release in &releases {
            assert_eq!(release.changed_migrations(), [""; 0], "a released migration stays");
            assert_eq!(release.refused_statements(&store, database).await, [""; 0]);
        }
        store.close().await;
    })
    .await;
}

/// The control: a removal is noticed.
#[tokio::test]
async fn a_table_that_an_older_version_uses_is_missed() {
    let release = Release::current().await;
    on_both(async |database| {
        open(database).await.close().await;
        change(database, "alter table told_facts rename to facts_told").await;
        let store = open(database).await;
        let refused = release.refused_statements(&store, database).await;
        assert!(refused.iter().any(|it| it.contains("told_facts.of_case")), "{refused:?}");
        store.close().await;
    })
    .await;

    let mut migrations = release.migrations.clone();
    migrations.insert("sqlite/0001_timeline.sql".to_owned(), "another".to_owned());
    let changed = Release { migrations, ..release }.changed_migrations();
    assert!(changed.len() == 1 && changed[0].ends_with("sqlite/0001_timeline.sql"), "{changed:?}");
}

/// A migration of a newer version that has run.
const NEWER: &str = "insert into _sqlx_migrations \
    (version, description, installed_on, success, checksum, execution_time) \
    values (9999, 'newer', current_timestamp, true, '', 0)";

#[tokio::test]
async fn tables_that_a_newer_version_added_to_serve_this_one() {
    on_both(async |database| {
        open(database).await.close().await;
        change(database, NEWER).await;
        let store = open(database).await;
        store.ready().await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn tables_that_a_newer_version_took_from_are_refused() {
    on_both(async |database| {
        open(database).await.close().await;
        // A removal requires programs that know its migration.
        let needs = match database.name {
            "SQLite" => "update settings set value = x'000000000000270f'",
            _ => "update settings set value = '\\x000000000000270f'",
        };
        let needs: String = format!("{needs} where name = 'oldest_program'");
        change(database, needs.leak()).await;
        let error = Store::open(&database.url, 2, Clock::System).await.unwrap_err();
        assert!(error.to_string().contains("they need migration 9999"), "{error:?}");
    })
    .await;
}

#[tokio::test]
#[ignore = "writes the file of a release"]
async fn write() {
    let folder = env::var("RELEASE").expect("RELEASE names the folder");
    let release = Release::current().await;
    assert_eq!(release.statements.len(), 2, "a release has the statements of both databases");
    release.write(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
}
