//! Whether a failure is worth another try.

/// What went wrong with one attempt, stripped to what decides about a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// No connection: refused, unreachable, or no answer to the handshake.
    Connect,
    /// The host name did not resolve. Resolvers do not tell "no such name" from "no network" reliably.
    Dns,
    /// The connection broke after it stood: reset, or the body ended early.
    Interrupted,
    /// The peer answered with something that is not the protocol.
    Protocol,
    /// The server answered with this status.
    Status(u16),
    /// Nothing came within the time allowed.
    Timeout,
    /// The TLS handshake was refused: certificate, name or version.
    Tls,
}

/// Returns whether the same request may succeed a little later.
///
/// Statuses: 408, 425, 429, 499 (the server believes that the client left), 500, 502, 503, 504 and
/// Cloudflare's 520 to 527. A few answers with such a status are permanent all the same, for
/// example a 429 that forbids deep paging; only the caller, who has read the body, can know.
///
/// A refused certificate and a peer that does not speak the protocol stay that way, so [`Failure::Tls`]
/// and [`Failure::Protocol`] are permanent.
pub fn is_transient(failure: Failure) -> bool {
    match failure {
        Failure::Connect | Failure::Dns | Failure::Interrupted | Failure::Timeout => true,
        Failure::Protocol | Failure::Tls => false,
        Failure::Status(status) => matches!(
            status,
            408 | 425 | 429 | 499 | 500 | 502 | 503 | 504 | 520..=527
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_listed_statuses_are_transient() {
        let transient: Vec<u16> = (0..=999)
            .filter(|&status| is_transient(Failure::Status(status)))
            .collect();
        assert_eq!(
            transient,
            [
                408, 425, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527
            ]
        );
    }

    #[test]
    fn broken_connections_are_transient_and_refused_handshakes_are_not() {
        let verdicts = [
            (Failure::Connect, true),
            (Failure::Dns, true),
            (Failure::Interrupted, true),
            (Failure::Timeout, true),
            (Failure::Protocol, false),
            (Failure::Tls, false),
        ];
        for (failure, transient) in verdicts {
            assert_eq!(is_transient(failure), transient, "{failure:?}");
        }
    }
}
