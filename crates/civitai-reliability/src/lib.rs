//! When to try again, how fast, and when to stop: backoff, retry budget, classification, adaptive rate, circuit breaker.
