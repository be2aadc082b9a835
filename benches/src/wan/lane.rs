//! One direction of a line: a bottleneck with a queue before it, a delay after it, and loss.

use std::collections::VecDeque;
use std::time::Duration;

use crate::files::splitmix64;

/// Packets on their way.
///
/// The bottleneck sends one packet after the other at its rate. A packet that would wait longer than the queue
/// allows is dropped, as is, by chance, one that has passed the bottleneck; so loss costs rate, as it does on a
/// radio link. Times are since any one moment and never go back.
#[derive(Debug)]
pub(super) struct Lane {
    per_byte: f64,
    delay: Duration,
    /// How long a packet may wait: one round trip, the usual size of a router's buffer.
    longest_queue: Duration,
    loss: u64,
    random: u64,
    free_at: Duration,
    on_their_way: VecDeque<(Duration, Vec<u8>)>,
    /// Emptied packets, to be filled again.
    spare: Vec<Vec<u8>>,
    delivered: Vec<u8>,
}

impl Lane {
    /// Half of `round_trip` is this direction's delay. Loss is drawn from a fixed seed.
    pub(super) fn new(mbit: u32, round_trip: Duration, loss_percent: f64) -> Self {
        Self {
            per_byte: 8.0 / (f64::from(mbit) * 1e6),
            delay: round_trip / 2,
            longest_queue: round_trip,
            loss: chance(loss_percent / 100.0),
            random: SEED,
            free_at: Duration::ZERO,
            on_their_way: VecDeque::new(),
            spare: Vec::new(),
            delivered: Vec::new(),
        }
    }

    /// A packet arrives at the bottleneck.
    pub(super) fn offer(&mut self, now: Duration, packet: &[u8]) {
        if self.free_at.saturating_sub(now) > self.longest_queue {
            return;
        }
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let sending = Duration::from_secs_f64(frame_bytes(length) * self.per_byte);
        self.free_at = self.free_at.max(now) + sending;
        if self.loss > 0 && splitmix64(&mut self.random) < self.loss {
            return;
        }
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.extend_from_slice(packet);
        self.on_their_way
            .push_back((self.free_at + self.delay, kept));
    }

    /// The next packet that has arrived by `now`.
    pub(super) fn due(&mut self, now: Duration) -> Option<&[u8]> {
        let (_, packet) = self.on_their_way.pop_front_if(|(due, _)| *due <= now)?;
        let mut emptied = std::mem::replace(&mut self.delivered, packet);
        emptied.clear();
        self.spare.push(emptied);
        Some(&self.delivered)
    }

    /// When the next packet arrives.
    pub(super) fn next(&self) -> Option<Duration> {
        self.on_their_way.front().map(|(due, _)| *due)
    }
}

/// What an IP packet takes on the line: Ethernet's header is sent with it.
pub(super) fn frame_bytes(packet: u32) -> f64 {
    f64::from(packet) + 14.0
}

/// The bound below which a uniform number of 64 bits falls with this probability.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a probability needs no more than 53 bits, and casts saturate"
)]
fn chance(probability: f64) -> u64 {
    (probability * u64::MAX as f64) as u64
}

/// Losses fall on the same packets in every run, as far as the packets are the same.
const SEED: u64 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// A packet that takes a millisecond at 8 Mbit/s.
    const PACKET: [u8; 986] = [7; 986];

    #[test]
    fn a_packet_arrives_after_its_time_on_the_wire_and_the_delay() {
        let mut lane = Lane::new(8, 20 * MILLISECOND, 0.0);
        lane.offer(Duration::ZERO, &PACKET);
        lane.offer(Duration::ZERO, &PACKET);
        assert_eq!(lane.next(), Some(11 * MILLISECOND));
        assert_eq!(lane.due(10 * MILLISECOND), None);
        assert_eq!(lane.due(11 * MILLISECOND), Some(&PACKET[..]));
        assert_eq!(lane.due(11 * MILLISECOND), None);
        assert_eq!(lane.due(12 * MILLISECOND), Some(&PACKET[..]));
        assert_eq!(lane.next(), None);
    }

    #[test]
    fn the_queue_holds_one_round_trip_and_drops_the_rest() {
        let mut lane = Lane::new(8, 20 * MILLISECOND, 0.0);
        for _ in 0..1000 {
            lane.offer(Duration::ZERO, &PACKET);
        }
        let arrived = std::iter::from_fn(|| lane.due(Duration::MAX).map(drop)).count();
        // 20 that wait, and the one that finds the queue exactly full.
        assert_eq!(arrived, 21);
    }

    #[test]
    fn loss_is_what_was_asked_for_and_takes_time_on_the_wire() {
        let mut lane = Lane::new(8, 20 * MILLISECOND, 2.0);
        let count: u32 = 100_000;
        let mut arrived: u32 = 0;
        for nth in 0..count {
            lane.offer(nth * MILLISECOND, &PACKET);
            while lane.due(nth * MILLISECOND).is_some() {
                arrived += 1;
            }
        }
        while lane.due(Duration::MAX).is_some() {
            arrived += 1;
        }
        let lost = f64::from(count - arrived) / f64::from(count);
        assert!((0.018..0.022).contains(&lost), "{lost}");
    }
}
