//! Who calls, and what they have the right to say.

mod asked;
mod certificate;
mod check;
mod jwt;
mod keys;
mod person;
mod right;
mod scope;
mod shown;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, LazyLock},
};

use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use uuid::Uuid;

use super::{access, purpose};
use crate::{
    clock::Clock,
    error::Error,
    model::{IdentifierKind, Micros, Origin},
};

pub use crate::pb::{Purpose, Role};
pub use certificate::{Certificate, CertificateRule, Name, Peer};
pub use jwt::{Issuer, JwtRule, KeySource};
pub use keys::{Algorithm, KeySet};
pub use person::ACTOR;
pub use right::Right;
pub use scope::{Scope, Unverified};

use asked::Asked;
use check::Check;
use jwt::{Jwt, Verified};
use shown::{Shown, Token};

/// Every role.
pub const ROLES: [Role; 5] =
    [Role::Recorder, Role::Reader, Role::Agent, Role::Supervisor, Role::PrivacyOfficer];

/// An application that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub name: Cow<'static, str>,
    /// What it is for: which calls it may make.
    pub roles: Vec<Role>,
    /// The kinds of identifiers that it may say are verified.
    pub verifies: Vec<IdentifierKind>,
    pub verifies_profile: bool,
    /// What its calls are for where they do not say so.
    pub purpose: Option<Purpose>,
    pub actors: Actors,
    /// How much of that it sees, and where it works.
    pub scope: Scope,
}

/// Which people may act through a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actors {
    /// Anybody, or nobody: a machine that acts by itself.
    Any,
    /// Anybody, but each call names who.
    Named,
    /// One of these, whom each call names.
    These(BTreeSet<String>),
}

impl Caller {
    /// Whoever calls without a token: every role, and no rights to verify.
    pub fn local() -> Self {
        Self {
            name: LOCAL.into(),
            roles: ROLES.to_vec(),
            verifies: Vec::new(),
            verifies_profile: false,
            purpose: Some(Purpose::Service),
            actors: Actors::Any,
            scope: Scope::ALL,
        }
    }
}

/// The name of whoever calls without a token.
pub const LOCAL: &str = "local";

/// Who acts: the caller, and the person behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    caller: Arc<Caller>,
    /// The person, or the caller where none is named.
    pub name: String,
    /// Whether a person is named.
    pub is_person: bool,
}

impl Actor {
    /// Somebody who calls without a token and names no person.
    pub fn local() -> Self {
        let caller = Arc::new(Caller::local());
        Self { caller, name: LOCAL.to_owned(), is_person: false }
    }

    pub fn caller(&self) -> &str {
        &self.caller.name
    }

    /// What its call on what is kept of customers is for.
    pub fn purpose(&self, headers: &HeaderMap) -> Result<Purpose, Error> {
        purpose::of_call(headers, &self.caller)
    }

    pub fn scope(&self) -> &Scope {
        &self.caller.scope
    }

    pub fn has(&self, role: Role) -> bool {
        self.caller.roles.contains(&role)
    }

    /// Whether it may make the call of a path.
    pub fn may_call(&self, path: &str) -> bool {
        access::may_call(&self.caller.roles, path)
    }

    /// Whether identifiers of a kind are verified where this caller says so.
    pub fn verifies(&self, kind: IdentifierKind) -> bool {
        self.caller.verifies.contains(&kind)
    }

    /// Where what the caller says comes from.
    pub fn origin(&self, source: String) -> Origin {
        Origin { source, verifies_profile: self.caller.verifies_profile }
    }

    /// The id under which a call is remembered: no caller meets the calls of another one.
    pub fn own(&self, request_id: Uuid) -> Uuid {
        if self.caller.name == LOCAL {
            return request_id;
        }
        let mut hash = Sha256::new();
        hash.update(self.caller.name.as_bytes());
        hash.update([0]);
        hash.update(request_id);
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(half).into_uuid()
    }
}

/// A caller, with what it is known by.
#[derive(Clone, Debug)]
pub struct Registered {
    pub caller: Caller,
    /// The SHA-256 of each token: two of them while one is replaced by the other.
    pub tokens_sha256: Vec<[u8; 32]>,
    /// The tokens of an issuer that are its own.
    pub jwt: Option<JwtRule>,
    /// The certificate that it shows: beside a token where it has any, and else alone.
    pub certificate: Option<CertificateRule>,
    /// From when on all that is worth nothing.
    pub expires_at: Option<Micros>,
}

impl Registered {
    /// A caller that is known by a token alone, for ever.
    pub fn by_token(caller: Caller, token: &str) -> Self {
        Self {
            caller,
            tokens_sha256: vec![Sha256::digest(token).into()],
            jwt: None,
            certificate: None,
            expires_at: None,
        }
    }
}

/// The callers that the server knows, and the issuers of their tokens. Copies share them.
#[derive(Clone)]
pub struct Callers {
    known: Arc<watch::Sender<Arc<Known>>>,
    asked: Arc<Asked>,
    /// Whether nobody else may call.
    alone: bool,
}

/// What is known at one moment.
#[derive(Clone, Default)]
struct Known {
    callers: Arc<[(Arc<Caller>, Registered)]>,
    issuers: Arc<[Issuer]>,
    keys: BTreeMap<KeySource, Arc<KeySet>>,
}

/// Nobody.
impl Default for Callers {
    fn default() -> Self {
        Self::new([])
    }
}

/// Shows no hash.
impl fmt::Debug for Callers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.known().callers.iter().map(|(caller, _)| caller)).finish()
    }
}

impl Callers {
    pub fn new(callers: impl IntoIterator<Item = Registered>) -> Self {
        Self::with_issuers(callers, [])
    }

    /// Callers, and the issuers that some of them have their tokens of; their keys come later, by
    /// [`Callers::learn`].
    pub fn with_issuers(
        callers: impl IntoIterator<Item = Registered>,
        issuers: impl IntoIterator<Item = Issuer>,
    ) -> Self {
        let callers = callers.into_iter().map(|it| (Arc::new(it.caller.clone()), it)).collect();
        let issuers = issuers.into_iter().collect();
        let known = Known { callers, issuers, keys: BTreeMap::new() };
        let known = Arc::new(watch::Sender::new(Arc::new(known)));
        Self { known, asked: Arc::default(), alone: false }
    }

    /// The same, where whoever shows nothing is none of them.
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Takes over others in the place of these, for all copies, from the next call on. Keys that
    /// were learned stay.
    pub fn replace(&self, others: &Self) {
        let others = others.known();
        self.known.send_modify(|known| {
            *known = Arc::new(Known { keys: known.keys.clone(), ..(*others).clone() });
        });
    }

    /// Takes over the keys of a source in the place of those that were there.
    pub fn learn(&self, source: KeySource, keys: KeySet) {
        self.known.send_modify(|known| {
            Arc::make_mut(known).keys.insert(source, Arc::new(keys));
        });
    }

    /// Where the keys of the issuers are.
    pub fn key_sources(&self) -> BTreeSet<KeySource> {
        self.known().issuers.iter().map(|issuer| issuer.keys.clone()).collect()
    }

    /// Ends when calls have come with keys that nobody knows, and tells of which sources they may
    /// be.
    pub async fn keys_asked_for(&self) -> BTreeSet<KeySource> {
        self.asked.wait().await
    }

    /// All of them, with what each is known by.
    pub fn registered(&self) -> Vec<Registered> {
        self.known().callers.iter().map(|(_, registered)| registered.clone()).collect()
    }

    /// The name of a caller that is known by a certificate, where there is one.
    pub fn one_with_certificate(&self) -> Option<String> {
        let known = self.known();
        let found = known.callers.iter().find(|(_, it)| it.certificate.is_some());
        found.map(|(caller, _)| caller.name.clone().into_owned())
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.borrow())
    }

    /// Who a call is by that comes now: by its headers, and by its connection. Why it is nobody's
    /// stands in the log.
    pub fn actor(&self, headers: &HeaderMap, peer: &Peer, now: Micros) -> Result<Actor, Error> {
        let person = person::named(headers);
        let unknown = |check| {
            tracing::debug!(?check, "the caller is not known");
            Error::UnknownCaller
        };
        let found = Shown::of(headers, peer).and_then(|shown| self.find(&shown, now));
        let found = match found.map_err(unknown)? {
            Some(found) => found,
            None if self.alone => return Err(unknown(Check::Nothing)),
            None => {
                static LOCAL: LazyLock<Arc<Caller>> = LazyLock::new(|| Arc::new(Caller::local()));
                Found { caller: Arc::clone(&LOCAL), person: None, until: None }
            }
        };
        let Found { caller, person: certain, .. } = found;
        let person = match (certain, person?) {
            (Some(certain), Some(said)) if certain != said => return Err(unknown(Check::Actor)),
            (Some(certain), _) => Some(certain),
            (None, said) => said,
        };
        let is_person = person.is_some();
        let name = person::acting(&caller, person)?;
        Ok(Actor { caller, name, is_person })
    }

    /// What a call of an actor goes on by that may be made now.
    pub fn right(
        &self,
        actor: &Actor,
        headers: &HeaderMap,
        peer: &Peer,
        path: &str,
        clock: Clock,
    ) -> Right {
        let shown = Shown::of(headers, peer).ok().filter(|_| actor.caller() != LOCAL);
        let caller = actor.caller().to_owned();
        Right { callers: self.clone(), shown, caller, path: path.to_owned(), clock }
    }

    /// Whose the shown is, if it is worth anything now. None: it is nobody's, and need not be
    /// anybody's.
    fn find(&self, shown: &Shown, now: Micros) -> Result<Option<Found>, Check> {
        let known = self.known();
        let found = match &shown.token {
            Some(Token::Ours(sha256)) => known.by_token(sha256)?,
            Some(Token::Jwt(token)) => self.by_jwt(&known, token, now)?,
            None => match known.by_certificate(shown.certificate.as_deref())? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let (caller, registered, verified) = found;
        if registered.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Check::CallerExpired);
        }
        if let Some(rule) = &registered.certificate
            && !shown.certificate.as_ref().is_some_and(|shown| rule.fits(shown))
        {
            return Err(Check::Certificate);
        }
        let until = verified.as_ref().map(|verified| verified.expires_at);
        let until = [registered.expires_at, until].into_iter().flatten().min();
        let person = verified.and_then(|verified| verified.actor);
        if person.as_deref().is_some_and(|person| person::check(person).is_err()) {
            return Err(Check::Actor);
        }
        Ok(Some(Found { caller: Arc::clone(caller), person, until }))
    }

    fn by_jwt<'a>(&self, known: &'a Known, token: &str, now: Micros) -> Result<Match<'a>, Check> {
        let token = Jwt::read(token)?;
        let issuer = token.issuer(&known.issuers)?;
        // Those of an issuer that has just come into the file may not have been read yet.
        let keys = known.keys.get(&issuer.keys).ok_or(Check::KeyId);
        let verified = keys.and_then(|keys| token.verify(issuer, keys, now));
        let verified = verified.inspect_err(|check| {
            if *check == Check::KeyId {
                self.asked.ask(&issuer.keys);
            }
        })?;
        let mut its = known.callers.iter().filter(|(_, registered)| {
            registered.jwt.as_ref().is_some_and(|rule| verified.fits(rule))
        });
        // A token of two callers names neither.
        let (Some((caller, registered)), None) = (its.next(), its.next()) else {
            return Err(Check::Subject);
        };
        Ok((caller, registered, Some(verified)))
    }
}

/// A caller, what it is known by, and the token of an issuer that it has shown.
type Match<'a> = (&'a Arc<Caller>, &'a Registered, Option<Verified>);

/// Whose what was shown is.
struct Found {
    caller: Arc<Caller>,
    /// The person who acts, where what was shown says so.
    person: Option<String>,
    /// From when on it is worth nothing.
    until: Option<Micros>,
}

impl Known {
    fn by_token(&self, sha256: &[u8; 32]) -> Result<Match<'_>, Check> {
        // All of them, whichever it is: the time tells nothing.
        let mut found = None;
        for (caller, registered) in &*self.callers {
            for one in &registered.tokens_sha256 {
                if bool::from(one.ct_eq(sha256)) {
                    found = Some((caller, registered, None));
                }
            }
        }
        found.ok_or(Check::Token)
    }

    /// None: there is no certificate, or it is nobody's. Who has a token too must show that as
    /// well.
    fn by_certificate(&self, shown: Option<&Certificate>) -> Result<Option<Match<'_>>, Check> {
        let Some(shown) = shown else { return Ok(None) };
        let mut its = self.callers.iter().filter(|(_, registered)| {
            let is_alone = registered.tokens_sha256.is_empty() && registered.jwt.is_none();
            is_alone && registered.certificate.as_ref().is_some_and(|rule| rule.fits(shown))
        });
        match (its.next(), its.next()) {
            (None, _) => Ok(None),
            (Some((caller, registered)), None) => Ok(Some((caller, registered, None))),
            (Some(_), Some(_)) => Err(Check::Certificate),
        }
    }
}
