//! What tests are based on: databases of both kinds, temporary folders, the server with clients.

mod authority;
pub mod canary;
pub mod dynamic;
mod folder;
mod life;
mod log;
mod outside;
pub mod postgres;
pub mod raw;
mod rows;
mod server;
pub mod wire;

use sqlx::{Connection as _, SqliteConnection};

pub use authority::Authority;
pub use canary::Services;
pub use folder::TempFolder;
pub use life::Life;
pub use log::Log;
pub use outside::outside_data;
pub use rows::RowCounter;
pub use server::{CONNECTION_LIMITS, DESK_TOKEN, NOW, ROLES, SHOP_TOKEN, Server, listen, settings};

/// An empty database for one test.
pub struct Database {
    /// "SQLite" or "PostgreSQL".
    pub name: &'static str,
    /// The value for `Store::open` and `--database`.
    pub url: String,
    /// Keeps the file of an SQLite database until the test ends.
    _folder: Option<TempFolder>,
}

impl Database {
    /// A new SQLite database in a file of its own.
    pub fn sqlite() -> Self {
        let folder = TempFolder::new();
        let url = format!("sqlite:{}", folder.path().join("throughline.db").display());
        Self { name: "SQLite", url, _folder: Some(folder) }
    }

    /// The URL of the audit log.
    pub fn audit_url(&self) -> String {
        match self.url.starts_with("sqlite:") {
            true => format!("{}-audit", self.url),
            false => self.url.clone(),
        }
    }

    /// All tables of an SQLite database, in one connection.
    pub async fn connect_sqlite(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        let file = self.audit_url().trim_start_matches("sqlite:").to_owned();
        let attach = sqlx::query("attach database $1 as audit").bind(file);
        attach.execute(&mut connection).await.unwrap();
        connection
    }

    /// A new PostgreSQL database. None without PostgreSQL, which has been reported.
    pub async fn postgres() -> Option<Self> {
        let cluster = postgres::postgres()?;
        let url = cluster.new_database().await;
        Some(Self { name: "PostgreSQL", url, _folder: None })
    }
}

/// Runs a test on a new SQLite database and then on a new PostgreSQL one.
pub async fn on_both(test: impl AsyncFn(&Database)) {
    on(&Database::sqlite(), &test).await;
    if let Some(database) = Database::postgres().await {
        on(&database, &test).await;
    }
}

async fn on(database: &Database, test: &impl AsyncFn(&Database)) {
    /// Reports the database when the test panics.
    struct Name(&'static str);
    impl Drop for Name {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("this was on {}", self.0);
            }
        }
    }
    let _name = Name(database.name);
    test(database).await;
}

mod tests {
    use sqlx::{Connection as _, PgConnection};

    use super::{Database, TempFolder, on_both};

    #[tokio::test]
    async fn each_postgres_database_is_new_and_empty() {
        let (Some(one), Some(two)) = (Database::postgres().await, Database::postgres().await)
        else {
            return;
        };
        assert_ne!(one.url, two.url);
        let mut connection = PgConnection::connect(&one.url).await.unwrap();
        sqlx::query("create table t (x bigint)").execute(&mut connection).await.unwrap();
        let mut connection = PgConnection::connect(&two.url).await.unwrap();
        let tables = "select count(*) from pg_tables where tablename = 't'";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await.unwrap();
        assert_eq!(tables, 0);
    }

    #[tokio::test]
    async fn the_postgres_cluster_keeps_what_it_says_it_keeps() {
        let Some(database) = Database::postgres().await else { return };
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        for (setting, wanted) in
            [("fsync", "on"), ("synchronous_commit", "on"), ("listen_addresses", "")]
        {
            let query = "select current_setting($1)";
            let query = sqlx::query_scalar(query).bind(setting);
            let value: String = query.fetch_one(&mut connection).await.unwrap();
            assert_eq!(value, wanted, "{setting}");
        }
    }

    #[tokio::test]
    async fn a_test_runs_on_each_database_once() {
        let seen = std::cell::RefCell::new(Vec::new());
        on_both(async |database| seen.borrow_mut().push(database.name)).await;
        let postgres = super::postgres::postgres().map(|_| "PostgreSQL");
        assert_eq!(
            seen.take(),
            [Some("SQLite"), postgres].into_iter().flatten().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_folder_goes_away_with_what_is_in_it() {
        let folder = TempFolder::new();
        std::fs::write(folder.path().join("file"), "text").unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
