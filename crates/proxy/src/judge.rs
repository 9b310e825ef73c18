//! Whether a request whose head could be read is passed on, and how, whatever version of HTTP it came in. Pure; called by the connection.

use evenkeel_plan::Listener;
use evenkeel_plan::reason::Reason;
use evenkeel_proto::forward::expects_continue;
use evenkeel_proto::head::RequestHead;
use evenkeel_proto::http1::{Framing, FramingError};
use evenkeel_proto::method::Method;
use evenkeel_proto::upgrade::{self, Offer};

use crate::refusal::Refusal;

/// A request that is fit to go on.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) framing: Framing,
    /// Whether the client waits for 100 before it sends its body.
    pub(crate) expects_continue: bool,
    /// The protocols that the client would rather speak.
    pub(crate) offer: Option<Offer>,
}

/// Brings the path of `head` into its normal form, and says how the request goes on that came by `scheme`, with its body in `framing`.
///
/// # Errors
/// Why it does not. The connection must not be used for another request then.
pub(crate) fn judge(
    head: &mut RequestHead,
    framing: Result<Framing, FramingError>,
    listener: &Listener,
    scheme: &str,
) -> Result<Judged, Refusal> {
    if head.scheme().is_some_and(|wanted| wanted != scheme) {
        return Err(Refusal::new(Reason::RequestMalformed, "the target names another scheme"));
    }
    let framing = framing?;
    check_method(head.method, framing)?;
    head.normalise_path(&listener.paths)?;
    if let (Framing::Length(length), Some(limit)) = (framing, listener.limits.body)
        && length > limit
    {
        return Err(Reason::BodyTooLarge.into());
    }
    let expects_continue =
        expects_continue(head, framing).map_err(|_| Reason::ExpectationFailed)?;
    let offer = upgrade::offered(head, framing)?;
    Ok(Judged { framing, expects_continue, offer })
}

/// A tunnel is not what we are for (RFC 9110 §9.3.6), and an echo of the request tells its secrets (§9.3.8).
fn check_method(method: Method, framing: Framing) -> Result<(), Refusal> {
    match method {
        // Bytes behind its head would be the tunnel's, so there is no body (RFC 9110 §9.3.6).
        Method::Connect if framing != Framing::Empty => {
            Err(Refusal::new(Reason::RequestMalformed, "CONNECT has a body"))
        }
        Method::Connect | Method::Trace => Err(Reason::MethodNotAllowed.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
