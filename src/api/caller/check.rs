//! The authentication check that a call has failed: for the log, and never for the caller.

/// No variant has a value, so that credentials cannot leak into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// No credentials, where they are required.
    Nothing,
    /// Not a single `authorization: Bearer TOKEN`.
    Header,
    /// A token that no caller has.
    Token,
    /// A JWT that is too long.
    Size,
    /// Not a header and claims as JSON and a signature, each in base64url.
    Form,
    /// A token of another type (`typ`).
    Type,
    /// It requires extensions that are not supported (`crit`).
    Critical,
    /// Its issuer is unknown.
    Issuer,
    /// Its algorithm is not allowed.
    Algorithm,
    /// The issuer has no key with this id, or several if none is given.
    KeyId,
    /// The key is not for this algorithm.
    Key,
    Signature,
    /// Its audience is different.
    Audience,
    /// It has no expiry, or has expired.
    Expired,
    NotYetValid,
    /// Issued in the future.
    Issued,
    /// It identifies no caller, or several.
    Subject,
    /// It does not name the acting user, or another one than the call does.
    Actor,
    /// The registration of the caller has expired.
    CallerExpired,
    /// The certificate is missing or does not fit, or fits several callers.
    Certificate,
}
