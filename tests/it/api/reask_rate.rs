//! The re-ask rate: of a case, a customer, a channel and a period.

use std::sync::LazyLock;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use throughline::{
    clock::{Clock, MovedClock},
    pb::{self, Channel, get_reask_rate_request::Of},
};

use super::cases::{opening, telling};
use crate::{
    calls::{account, at, request_id},
    identity::by_shop,
    support::{Database, NOW, Server, on_both, settings},
};

type Counts = (i64, i64, Option<f64>);

fn counts(rate: Option<pb::ReaskRate>) -> Counts {
    let rate = rate.unwrap();
    (rate.told, rate.asked_again, rate.rate)
}

impl Server {
    async fn rate(
        &self,
        of: Of,
        from: Option<i64>,
        before: Option<i64>,
    ) -> (Counts, Vec<(Channel, Counts)>) {
        let (from, before) = (from.map(at), before.map(at));
        let call = pb::GetReaskRateRequest { of: Some(of), from, before };
        let rate = self.cases.clone().get_reask_rate(call).await.unwrap().into_inner();
        let channels = rate.channels.into_iter().map(|it| (it.channel(), counts(it.rate)));
        (counts(rate.total), channels.collect())
    }

    async fn tells(&self, case: &pb::Case, key: &str, value: &str, channel: Channel) {
        let channel = channel.into();
        self.told(pb::TellFactRequest { channel, ..telling(case, key, value) }).await;
    }

    async fn asks(&self, case: &pb::Case, key: &str, channel: Channel) {
        let call = pb::ReaskFactRequest {
            case_id: case.id.clone(),
            key: key.to_owned(),
            channel: channel.into(),
            request_id: request_id(),
        };
        self.cases.clone().reask_fact(by_shop(call)).await.unwrap();
    }
}

async fn execute(database: &Database, statements: &[&str]) {
    for sql in statements {
        let sql = AssertSqlSafe((*sql).to_owned());
        if database.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&database.url).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
    }
}

/// Anna, of two records, tells 3 facts and corrects one on the phone and the web, and is asked
/// again twice in the store; Bert tells one.
#[tokio::test]
async fn what_was_asked_again_is_counted_by_case_customer_channel_and_period() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 7, 1);
        let clock = Clock::Moved(moved);
        let server = Server::start_with(database, settings(clock)).await;
        let anna = server.made(vec![account("anna")]).await;
        let also = server.made(vec![account("anna-2")]).await;
        let bert = server.made(vec![account("bert")]).await;
        let one = server.opened(opening(&anna.id)).await;
        let two = server.opened(opening(&also.id)).await;
        let other = server.opened(opening(&bert.id)).await;
        server.merge_of(&anna.id, &also.id).await;
        let of_case = |case: &pb::Case| Of::CaseId(case.id.clone());
        let nothing = ((0, 0, None), vec![]);
        assert_eq!(server.rate(of_case(&one), None, None).await, nothing);

        let second = || moved.forward(1_000_000);
        server.tells(&one, "fault", "dark", Channel::Phone).await;
        server.tells(&one, "since", "monday", Channel::Phone).await;
        second();
        // A correction counts, the same value again does not.
        server.tells(&one, "fault", "black", Channel::Web).await;
        server.tells(&one, "fault", "black", Channel::Web).await;
        second();
        server.tells(&two, "tried", "nothing", Channel::Web).await;
        server.tells(&other, "fault", "loud", Channel::Web).await;
        second();
        server.asks(&one, "fault", Channel::Store).await;
        server.asks(&one, "since", Channel::Phone).await;
        let check = async |server: &Server| {
            let (phone, web) = (Channel::Phone, Channel::Web);
            let asked = (Channel::Store, (0, 1, Some(1.0)));
            let by_phone = (phone, (2, 1, Some(1.0 / 3.0)));
            let wanted = ((3, 2, Some(0.4)), vec![by_phone, (web, (1, 0, Some(0.0))), asked]);
            assert_eq!(server.rate(of_case(&one), None, None).await, wanted);
            let wanted = ((4, 2, Some(1.0 / 3.0)), vec![by_phone, (web, (2, 0, Some(0.0))), asked]);
            for of in [
                Of::CustomerId(anna.id.clone()),
                Of::CustomerId(also.id.clone()),
                Of::Identifier(account("anna-2")),
            ] {
                assert_eq!(server.rate(of, None, None).await, wanted);
            }
            let all = || Of::Everybody(true);
            let wanted = ((5, 2, Some(2.0 / 7.0)), vec![by_phone, (web, (3, 0, Some(0.0))), asked]);
            assert_eq!(server.rate(all(), Some(0), Some(400 * 86_400)).await, wanted);
            // The first moment of a period is in it, the last one is not.
            let wanted = ((3, 0, Some(0.0)), vec![(web, (3, 0, Some(0.0)))]);
            assert_eq!(server.rate(all(), Some(1), Some(3)).await, wanted);
            let of_anna = || Of::CustomerId(anna.id.clone());
            let wanted = ((2, 0, Some(0.0)), vec![(web, (2, 0, Some(0.0)))]);
            assert_eq!(server.rate(of_anna(), Some(1), Some(3)).await, wanted);
            let wanted = ((1, 0, Some(0.0)), vec![(web, (1, 0, Some(0.0)))]);
            assert_eq!(server.rate(of_case(&one), Some(1), Some(3)).await, wanted);
            assert_eq!(server.rate(of_anna(), Some(4), None).await, nothing);
            assert_eq!(server.rate(of_anna(), None, Some(0)).await, nothing);
        };
        check(&server).await;
        server.stop().await;

        // A database that was there before the counts is filled from its cases.
        execute(
            database,
            &[
                "drop table told_facts",
                "drop table case_passes",
                "delete from _sqlx_migrations where version = 9",
            ],
        )
        .await;
        let server = Server::start_with(database, settings(clock)).await;
        check(&server).await;
        server.stop().await;
    })
    .await;
}
