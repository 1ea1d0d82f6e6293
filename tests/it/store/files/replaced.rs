//! A file that is deleted, moved, replaced or emptied while a server has it open.

use std::{fs, path::Path};

use throughline::{clock::Clock, error::Error, store::Store};
use tonic::Code;

use super::{access, as_sqlite_has_it, open, path, record, record_some, url};
use crate::{
    calls::{account, by, note},
    support::{Server, TempFolder, settings},
};

/// What is done to a file, and undone.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Moved,
    /// It is replaced by a copy.
    Replaced,
}

impl Fault {
    fn strike(self, file: &Path, away: &Path) {
        fs::rename(file, away).unwrap();
        match self {
            Self::Moved => {}
            Self::Replaced => drop(fs::copy(away, file).unwrap()),
        }
    }
}

const FAULTS: [Fault; 2] = [Fault::Moved, Fault::Replaced];

async fn try_record(store: &Store, name: &str) -> Result<(), Error> {
    use throughline::api::{caller::Actor, validate};
    let call = super::note(name, name, 100, "a note");
    let record = validate::record(call, &super::RULES, &Actor::local()).unwrap();
    store.record(vec![record]).await.map(drop)
}

#[track_caller]
fn assert_names(error: &Error, file: &str) {
    let Error::Unavailable(cause) = error else { panic!("{error:?}") };
    assert!(cause.contains(file), "{cause}");
    assert!(cause.contains("put it back, or stop and put a backup in its place"), "{cause}");
}

#[tokio::test]
async fn nothing_is_written_to_a_file_without_its_name() {
    for fault in FAULTS {
        for part in ["t.db", "t.db-wal", "t.db-shm"] {
            let folder = TempFolder::new();
            let store = open(&folder).await;
            record(&store, "before").await;
            store.ready().await.unwrap();

            let (file, away) = (path(&folder, part), path(&folder, "away"));
            fault.strike(&file, &away);
            assert_names(&try_record(&store, "meanwhile").await.unwrap_err(), part);
            let not_ready = store.ready().await.unwrap_err().to_string();
            assert!(not_ready.starts_with("database: ") && not_ready.contains(part), "{not_ready}");

            // Moved back, it is written to again, without a restart.
            fs::rename(&away, &file).unwrap();
            record(&store, "after").await;
            store.ready().await.unwrap();
            store.close().await;
            let found = as_sqlite_has_it(&path(&folder, "t.db")).await;
            assert_eq!(found, ("ok".to_owned(), 2), "{fault:?} {part}");
        }
    }
}

#[tokio::test]
async fn nothing_is_audited_in_a_file_without_its_name() {
    for fault in FAULTS {
        for part in ["t.db-audit", "t.db-audit-wal", "t.db-audit-shm"] {
            let folder = TempFolder::new();
            let store = open(&folder).await;
            access(&store).await.unwrap();
            let (file, away) = (path(&folder, part), path(&folder, "away"));
            fault.strike(&file, &away);
            assert_names(&access(&store).await.unwrap_err(), part);
            let not_ready = store.ready().await.unwrap_err().to_string();
            assert!(
                not_ready.starts_with("audit log: ") && not_ready.contains(part),
                "{not_ready}"
            );
            fs::rename(&away, &file).unwrap();
            access(&store).await.unwrap();
            store.ready().await.unwrap();
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_file_that_is_emptied_is_not_written_to() {
    let folder = TempFolder::new();
    let store = open(&folder).await;
    record(&store, "before").await;
    fs::File::options().write(true).open(path(&folder, "t.db")).unwrap().set_len(0).unwrap();
    assert_names(&try_record(&store, "meanwhile").await.unwrap_err(), "t.db");
}

/// The server over it: a write is UNAVAILABLE, and acknowledged writes are in the file.
#[tokio::test]
async fn callers_are_told_to_come_again() {
    let folder = TempFolder::new();
    let server = Server::start_at(&url(&folder), settings(Clock::System)).await;
    let call = || by(vec![account("anna")], note("a note"));
    server.recorded(call()).await;
    fs::rename(path(&folder, "t.db"), path(&folder, "away")).unwrap();
    let refused = server.not_recorded(call()).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "STORE_UNAVAILABLE"));
    fs::rename(path(&folder, "away"), path(&folder, "t.db")).unwrap();
    server.recorded(call()).await;
    server.stop().await;
    assert_eq!(as_sqlite_has_it(&path(&folder, "t.db")).await, ("ok".to_owned(), 2));
}

/// Whatever the moment at which the file disappears, each acknowledged entry is in it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_while_the_file_goes_and_comes_is_in_it() {
    const ROUNDS: usize = 30;
    let folder = TempFolder::new();
    let store = open(&folder).await;
    let (file, away) = (path(&folder, "t.db"), path(&folder, "away"));
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let writer = {
            let store = store.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while try_record(&store, &format!("customer-{round}-{done}")).await.is_ok() {
                    done += 1;
                }
                done
            })
        };
        // At another moment of a write each time.
        for _ in 0..round * 7 {
            tokio::task::yield_now().await;
        }
        fs::rename(&file, &away).unwrap();
        acknowledged += writer.await.unwrap();
        fs::rename(&away, &file).unwrap();
    }
    store.close().await;
    let (check, entries) = as_sqlite_has_it(&file).await;
    assert_eq!(check, "ok");
    assert!(entries >= acknowledged, "{entries} of {acknowledged}");
}

/// A connection that is opened meanwhile would replay the log into the file with that name.
#[tokio::test]
async fn another_file_of_that_name_is_left_alone() {
    let other = TempFolder::new();
    let store = open(&other).await;
    record_some(&store, "other", 5).await;
    store.close().await;
    let folder = TempFolder::new();
    let store = Store::open(&url(&folder), 8, Clock::System).await.unwrap();
    record_some(&store, "this", 5).await;
    let log = fs::read(path(&folder, "t.db-wal")).unwrap();

    fs::rename(path(&folder, "t.db"), path(&folder, "away")).unwrap();
    let bytes = fs::read(path(&other, "t.db")).unwrap();
    fs::write(path(&folder, "t.db"), &bytes).unwrap();
    // More concurrent reads than open connections. If the first reads end before the others begin,
    // they share one.
    let mut is_refused = false;
    for _ in 0..1000 {
        let reads = (0..8).map(|_| store.get_customer(uuid::Uuid::nil()));
        let read = futures_util::future::join_all(reads).await;
        is_refused = read.iter().any(Result::is_err);
        if is_refused {
            break;
        }
    }
    assert!(is_refused, "some need another connection");
    store.close().await;
    assert!(fs::read(path(&folder, "t.db")).unwrap() == bytes, "it is as it was");
    assert!(fs::read(path(&folder, "t.db-wal")).unwrap() == log, "and so is the log");

    // The control: SQLite replays it.
    as_sqlite_has_it(&path(&folder, "t.db")).await;
    assert!(fs::read(path(&folder, "t.db")).unwrap() != bytes);
}
