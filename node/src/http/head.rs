//! What the head of every request must keep, whatever it asks for.

use http::header::HOST;
use http::{HeaderMap, Request, Version};

use super::problem::Reply;

/// Refuses a request of HTTP/1.1 that does not say, once, which host it is for (RFC 9112, section 3.2): what stands between
/// buyer and node may have read it otherwise.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Reply> {
    if request.version() == Version::HTTP_11 && !has_one_host(request.headers()) {
        return Err(Reply::malformed_at("header/host", "A request of HTTP/1.1 has one Host header; send it."));
    }
    Ok(())
}

fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    hosts.next().is_some() && hosts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, hosts: &[&str]) -> bool {
        let request = hosts.iter().fold(Request::builder().version(version), |request, host| request.header(HOST, *host));
        check(&request.body(()).unwrap()).is_ok()
    }

    #[test]
    fn a_request_is_for_one_host() {
        assert!(checked(Version::HTTP_11, &["a"]));
        assert!(!checked(Version::HTTP_11, &[]));
        assert!(!checked(Version::HTTP_11, &["a", "b"]));
        assert!(checked(Version::HTTP_10, &[]), "there it need not say so");
    }
}
