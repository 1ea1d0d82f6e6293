//! A restored backup does not serve customers who were erased since it was made.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use throughline::{
    clock::Clock,
    store::{ErasureFile, Store},
};

use super::{erase, erased, not_found};
use crate::{
    calls::{account, by, email, list, note, refusal, request_id},
    support::{Database, NOW, Server, TempFolder, on_both, settings},
};

/// A copy of a database that nobody has open.
async fn copy(database: &Database, folder: &TempFolder) -> String {
    if let Some(file) = database.url.strip_prefix("sqlite:") {
        let copy = folder.path().join("backup.db");
        std::fs::copy(file, &copy).unwrap();
        return format!("sqlite:{}", copy.display());
    }
    let (server, name) = database.url.split_once(":///").unwrap();
    let (name, rest) = name.split_once('?').unwrap();
    let mut admin = PgConnection::connect(&format!("{server}:///postgres?{rest}")).await.unwrap();
    let text = format!("create database {name}_backup template {name}");
    admin.execute(AssertSqlSafe(text)).await.unwrap();
    format!("{server}:///{name}_backup?{rest}")
}

/// A server over a database, with its erasure ledger in the folder.
async fn start(url: &str, folder: &TempFolder) -> (Server, usize, usize) {
    let file = ErasureFile::new(folder.path().join("erasures"));
    let store = Store::open(url, 4, Clock::Fixed(NOW)).await.unwrap().with_erasure_file(file);
    let again = store.erase_again().await.unwrap();
    let told = store.write_ledger().await.unwrap();
    (Server::start_over(store, settings(Clock::Fixed(NOW))).await, again, told)
}

#[tokio::test]
async fn a_restored_backup_erases_again() {
    on_both(async |database| {
        let folder = TempFolder::new();
        let (server, again, told) = start(&database.url, &folder).await;
        assert_eq!((again, told), (0, 0));
        let anna = server.made(vec![email("anna@example.net")]).await.id;
        let also = server.made(vec![account("also")]).await.id;
        let bert = server.made(vec![account("bert")]).await.id;
        server.merge_of(&anna, &also).await;
        // In the backup she is merged with him.
        let merge = server.merge_of(&anna, &bert).await;
        let before = by(vec![email("anna@example.net")], note("before"));
        server.recorded(before.clone()).await;
        server.stop().await;
        let backup = copy(database, &folder).await;

        let (server, ..) = start(&database.url, &folder).await;
        server.customers.clone().unmerge_customers(crate::identity::unmerge(&merge)).await.unwrap();
        let since = by(vec![email("anna@example.net")], note("since"));
        server.recorded(since.clone()).await;
        let certificate = server.erased(&anna).await;
        server.stop().await;
        let text = std::fs::read_to_string(folder.path().join("erasures")).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains("example"), "{text}");

        let (server, again, told) = start(&backup, &folder).await;
        assert_eq!((again, told), (1, 0));
        for id in [&anna, &also] {
            assert_eq!(refusal(server.timeline.clone().list_timeline(list(id)).await), not_found());
        }
        assert_eq!(server.customer(&bert).await.record_ids, [bert]);
        for call in [before, since] {
            assert_eq!(server.not_recorded(call).await, erased());
        }
        let old = by(vec![email("anna@example.net")], note("never recorded"));
        assert_eq!(server.not_recorded(old).await, erased());
        let same = server.erased(&also).await;
        assert_eq!(
            (same.erasure_id, same.record_ids),
            (certificate.erasure_id, certificate.record_ids)
        );
        server.stop().await;
        let (server, again, told) = start(&backup, &folder).await;
        assert_eq!((again, told), (0, 0), "once");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_another_server_has_erased_is_added_to_the_file() {
    on_both(async |database| {
        let (mine, theirs) = (TempFolder::new(), TempFolder::new());
        let (server, ..) = start(&database.url, &theirs).await;
        let anna = server.made(vec![email("anna@example.net")]).await.id;
        let recorded = by(vec![email("anna@example.net")], note("before"));
        server.recorded(recorded.clone()).await;
        server.stop().await;
        let backup = copy(database, &mine).await;
        let (server, ..) = start(&database.url, &theirs).await;
        server.erased(&anna).await;
        server.stop().await;
        let (server, again, told) = start(&database.url, &mine).await;
        assert_eq!((again, told), (0, 1));
        server.stop().await;
        let read =
            |folder: &TempFolder| std::fs::read_to_string(folder.path().join("erasures")).unwrap();
        assert_eq!(read(&mine), read(&theirs), "with the hashes");
        let (server, again, _) = start(&backup, &mine).await;
        assert_eq!(again, 1);
        assert_eq!(server.not_recorded(recorded).await, erased());
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_line_that_was_not_written_whole_is_cut_off_and_one_that_cannot_be_read_is_told() {
    let database = Database::sqlite();
    let folder = TempFolder::new();
    let path = folder.path().join("erasures");
    let (server, ..) = start(&database.url, &folder).await;
    let anna = server.made(vec![account("anna")]).await.id;
    let bert = server.made(vec![account("bert")]).await.id;
    server.erased(&anna).await;
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();
    server.erased(&bert).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.starts_with(&whole));
    std::fs::write(&path, format!("{{}}\n{whole}")).unwrap();
    let file = ErasureFile::new(path.clone());
    let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
    let store = store.with_erasure_file(file);
    assert!(store.erase_again().await.is_err());
    // An erasure that cannot be recorded in the ledger is not done.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let carl = server.made(vec![account("carl")]).await.id;
    let call = throughline::pb::EraseCustomerRequest { request_id: request_id(), ..erase(&carl) };
    assert!(server.privacy.clone().erase_customer(call).await.is_err());
    assert_eq!(server.customer(&carl).await.id, carl);
    store.close().await;
    server.stop().await;
}
