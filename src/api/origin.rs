//! Allowed origins of web pages. A browser sends the origin of the page with each call (RFC 6454);
//! other programs send none.
//!
//! CORS only keeps a page from reading a response, and browsers ask beforehand only for other
//! origins. A page whose name was made to resolve to this machine (DNS rebinding) has the same
//! origin, so each call is checked too.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::ORIGIN};
use tower_http::cors::{AllowHeaders, CorsLayer};

use super::call_headers::REQUEST_ID;
use crate::error::Error;

/// How long a browser may cache the response to a preflight request. Chromium caches it for two
/// hours at most.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3600);
/// The headers of a response that a script may read (gRPC-Web).
const EXPOSED: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

/// The allowed origins. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<[HeaderValue]>);

impl Origins {
    /// Values that are not valid in a header are skipped: the configuration refuses them.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a String>) -> Self {
        Self(origins.into_iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// Refuses a call of a page that is not allowed.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Error> {
        let is_allowed = headers.get_all(ORIGIN).iter().all(|origin| self.0.contains(origin));
        if is_allowed { Ok(()) } else { Err(Error::OriginNotPermitted) }
    }

    /// Answers preflight requests, and lets pages read the responses.
    pub fn cors(&self) -> CorsLayer {
        CorsLayer::new()
            .allow_origin(self.0.to_vec())
            .allow_methods([Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(
                EXPOSED
                    .map(HeaderName::from_static)
                    .into_iter()
                    .chain([REQUEST_ID])
                    .collect::<Vec<_>>(),
            )
            .max_age(PREFLIGHT_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(origins: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    #[test]
    fn pages_call_that_are_named_and_programs_that_are_no_pages() {
        let desk = "https://desk.example.com".to_owned();
        for origins in [Origins::default(), Origins::new([&desk])] {
            assert_eq!(origins.check(&HeaderMap::new()), Ok(()));
            let none = ["null", "https://desk.example.com:8443", "http://desk.example.com", ""];
            for other in none {
                assert_eq!(origins.check(&of(&[other])), Err(Error::OriginNotPermitted), "{other}");
            }
        }
        let origins = Origins::new([&desk]);
        assert_eq!(origins.check(&of(&["https://desk.example.com"])), Ok(()));
        let both = of(&["https://desk.example.com", "https://shop.example.com"]);
        assert_eq!(origins.check(&both), Err(Error::OriginNotPermitted));
    }
}
