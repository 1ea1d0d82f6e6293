//! Restrictions, placed and lifted under the locks of all records of a person. The set of records
//! cannot change meanwhile, since merges and unmerges are refused.

use uuid::Uuid;

use crate::{
    error::Error,
    model::{Micros, RequestContext, Restriction, RestrictionAction, RestrictionKind},
    store::{
        Store,
        identity::person::{self, LockedRecords},
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_db, on_tx},
        },
        write::change::{Change, earlier},
    },
};

const ADD: &str = "insert into restrictions (customer_id, id, kind, placed_at, actor, \
    ticket, reason, lifted_at, lifted_by, lift_ticket, lift_reason) \
    values ($1, $2, $3, $4, $5, $6, $7, null, '', '', '')";
const LIFT: &str = "update restrictions set lifted_at = $3, lifted_by = $4, \
    lift_ticket = $5, lift_reason = $6 \
    where customer_id = $1 and kind = $2 and lifted_at is null returning id";
const SET_RESTRICTED: &str = "update customers set restricted = $2 where id = $1";
const SET_ON_HOLD: &str = "update customers set held = $2 where id = $1";
const GET: &str = "select kind, placed_at, actor, ticket, reason, lifted_at, \
    lifted_by, lift_ticket, lift_reason from restrictions where customer_id = $1 and id = $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 5] = [
    ("restrictions.add", ADD),
    ("restrictions.lift", LIFT),
    ("restrictions.get", GET),
    ("customers.set_restricted", SET_RESTRICTED),
    ("customers.set_on_hold", SET_ON_HOLD),
];

/// A restriction to place or to lift.
#[derive(Clone, Debug)]
pub struct NewRestriction {
    pub customer_id: Uuid,
    pub kind: RestrictionKind,
    /// The ticket that documents it.
    pub ticket: String,
    /// False: it is lifted.
    pub holds: bool,
}

impl Store {
    /// Places or lifts a restriction. Idempotent.
    pub async fn restrict(
        &self,
        new: NewRestriction,
        context: RequestContext,
    ) -> Result<Restriction, Error> {
        let customer_id = new.customer_id;
        let store = self.clone();
        let run = move || {
            let (store, new, context) = (store.clone(), new.clone(), context.clone());
            async move { store.try_restrict(&new, &context).await }
        };
        let id = attempt(run).await.map_err(lost)?;
        let person = self.records_even_restricted(customer_id).await?[0];
        self.get_restriction(customer_id, id, person).await
    }

    async fn try_restrict(
        &self,
        new: &NewRestriction,
        context: &RequestContext,
    ) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let locked = person::lock_even_restricted(&mut tx, &[new.customer_id]).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            return row.entry_id.ok_or(Error::NotRestricted);
        }
        let now = self.clock.now();
        let said = RestrictionAction {
            at: now,
            actor: context.actor.clone(),
            ticket: new.ticket.clone(),
            reason: context.reason.clone(),
        };
        let person = locked.person_of(new.customer_id)?;
        let records: Vec<Uuid> = locked.records.keys().copied().collect();
        let id = match (new.holds, holds(&locked, new.kind)) {
            (true, true) => return Err(Error::AlreadyRestricted),
            (false, false) => return Err(Error::NotRestricted),
            (true, false) => {
                let id = self.clock.new_id();
                add(&mut tx, &records, id, new.kind, &said).await?;
                id
            }
            (false, true) => lift(&mut tx, &records, new.kind, &said).await?,
        };
        let mut change = Change::new(context, now);
        for (record, current) in &locked.records {
            set(&mut tx, *record, new.kind, new.holds).await?;
            // Watches of the records check again, in other processes too.
            change.touch(*record, current);
        }
        change.write(&mut tx, person, Some(id)).await?;
        tx.commit().await?;
        if new.kind == RestrictionKind::Use {
            self.restricted.set(&records, new.holds);
        }
        let revisions =
            locked.records.iter().map(|(record, current)| (*record, current.revision + 1));
        self.signals.live.wake(revisions);
        self.signals.due.notify_one();
        Ok(id)
    }

    async fn get_restriction(
        &self,
        record: Uuid,
        id: Uuid,
        person: Uuid,
    ) -> Result<Restriction, Error> {
        type Row = (String, Micros, String, String, String, Option<Micros>, String, String, String);
        let row: Option<Row> = on_db!(&self.db, |c| {
            sqlx::query_as(GET).bind(record).bind(id).fetch_optional(c).await?
        });
        let row = row.ok_or(Error::NotRestricted)?;
        let (code, at, actor, ticket, reason, lifted_at, lifted_by, lift_ticket, lift_reason) = row;
        let kinds = [RestrictionKind::Use, RestrictionKind::Erasure];
        let unreadable = Error::Inconsistent { table: "restrictions", column: "kind" };
        let kind = kinds.into_iter().find(|kind| kind.code() == code).ok_or(unreadable)?;
        let lifted = lifted_at.map(|at| RestrictionAction {
            at,
            actor: lifted_by,
            ticket: lift_ticket,
            reason: lift_reason,
        });
        let placed = RestrictionAction { at, actor, ticket, reason };
        Ok(Restriction { id, kind, customer_id: person, placed, lifted })
    }
}

/// Whether a restriction is in force for the locked person.
fn holds(locked: &LockedRecords, kind: RestrictionKind) -> bool {
    locked.records.values().any(|it| match kind {
        RestrictionKind::Use => it.restricted,
        RestrictionKind::Erasure => it.on_hold,
    })
}

async fn add(
    tx: &mut Tx,
    records: &[Uuid],
    id: Uuid,
    kind: RestrictionKind,
    said: &RestrictionAction,
) -> Result<(), Error> {
    for record in records {
        on_tx!(&mut *tx, |c| {
            let query = sqlx::query(ADD).bind(record).bind(id).bind(kind.code()).bind(said.at);
            let query = query.bind(&said.actor).bind(&said.ticket).bind(&said.reason);
            query.execute(c).await?;
        });
    }
    Ok(())
}

async fn lift(
    tx: &mut Tx,
    records: &[Uuid],
    kind: RestrictionKind,
    said: &RestrictionAction,
) -> Result<Uuid, Error> {
    let mut lifted = None;
    for record in records {
        let id: Option<Uuid> = on_tx!(&mut *tx, |c| {
            let query = sqlx::query_scalar(LIFT).bind(record).bind(kind.code()).bind(said.at);
            let query = query.bind(&said.actor).bind(&said.ticket).bind(&said.reason);
            query.fetch_optional(c).await?
        });
        lifted = lifted.or(id);
    }
    lifted.ok_or(Error::Inconsistent { table: "restrictions", column: "lifted_at" })
}

async fn set(tx: &mut Tx, record: Uuid, kind: RestrictionKind, holds: bool) -> Result<(), Error> {
    let text = match kind {
        RestrictionKind::Use => SET_RESTRICTED,
        RestrictionKind::Erasure => SET_ON_HOLD,
    };
    on_tx!(tx, |c| {
        sqlx::query(text).bind(record).bind(holds).execute(c).await?;
    });
    Ok(())
}
