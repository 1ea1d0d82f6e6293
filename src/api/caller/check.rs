//! Which check a call has failed that shows who makes it: for the log, and never for the caller.

/// None of them has a value: what was shown stands nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing is shown where nobody may call without.
    Nothing,
    /// Not one `authorization: Bearer TOKEN`.
    Header,
    /// A token of ours that nobody has.
    Token,
    /// A JWT that is too long.
    Size,
    /// Not a header and claims as JSON, and a signature, each in base64url.
    Form,
    /// A token for something else (`typ`).
    Type,
    /// It says that more must be understood than is known here (`crit`).
    Critical,
    /// Of an issuer that is not known here.
    Issuer,
    /// Signed by an algorithm that is not pinned.
    Algorithm,
    /// The issuer has no key of this name, or several where none is named.
    KeyId,
    /// The key is not for this algorithm.
    Key,
    Signature,
    /// For somebody else.
    Audience,
    /// It does not say until when it is valid, or that time has passed.
    Expired,
    NotYetValid,
    /// Issued in the future.
    Issued,
    /// It names no caller, or several.
    Subject,
    /// It does not name the person who acts, or another one than the call does.
    Actor,
    /// The caller's time has passed.
    CallerExpired,
    /// The certificate is missing, or another one, or names several callers.
    Certificate,
}
