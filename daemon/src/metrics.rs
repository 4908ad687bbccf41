//! Counts and times for Prometheus. Labels are words of the contract, never of a request: their number is bounded.

use std::time::Duration;

use dbal::Operation;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// By what requests are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Asked {
    operation: &'static str,
    transport: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Timed {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Asked, Counter>,
    seconds: Family<Timed, Histogram>,
    refused: Family<Why, Counter>,
    /// Connections that are open.
    pub connections: Gauge,
    /// WebSockets among them.
    pub websockets: Gauge,
    /// Requests that are under way.
    pub in_flight: Gauge,
    /// Transactions that clients have open.
    pub transactions: Gauge,
    /// Bytes of bodies and messages that are held.
    pub held: Gauge,
    /// Times the access rules were taken anew.
    pub reloads: Counter,
    /// Times they were faulty and the old ones kept.
    pub reload_faults: Counter,
    /// Whether the last try took them.
    pub rules_current: Gauge,
    /// Whether the last try took the files of keys.
    pub keys_current: Gauge,
    /// Whether the last try took the certificates.
    pub certificates_current: Gauge,
}

/// One of what a gauge counts, until this is dropped.
pub struct Counted(Gauge);

impl Counted {
    /// Counts one more.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Counted(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        // From 50 us to 26 s.
        let empty: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_05, 2.0, 20));
        let seconds = Family::new_with_constructor(empty);
        let metrics = Metrics {
            registry: Mutex::default(),
            requests: Family::default(),
            seconds,
            refused: Family::default(),
            connections: Gauge::default(),
            websockets: Gauge::default(),
            in_flight: Gauge::default(),
            transactions: Gauge::default(),
            held: Gauge::default(),
            reloads: Counter::default(),
            reload_faults: Counter::default(),
            rules_current: Gauge::default(),
            keys_current: Gauge::default(),
            certificates_current: Gauge::default(),
        };
        for current in [&metrics.rules_current, &metrics.keys_current, &metrics.certificates_current] {
            current.set(1);
        }
        let mut registry = Registry::with_prefix("dbal");
        registry.register("requests", "Requests by operation, transport and code", metrics.requests.clone());
        registry.register("request_seconds", "How long requests took", metrics.seconds.clone());
        registry.register("refused", "Connections and messages that were turned away", metrics.refused.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register("websockets", "Open WebSockets", metrics.websockets.clone());
        registry.register("in_flight", "Requests under way", metrics.in_flight.clone());
        registry.register("transactions", "Open transactions of clients", metrics.transactions.clone());
        registry.register("held_bytes", "Bodies and messages of requests in memory", metrics.held.clone());
        registry.register("rules_reloads", "Access rules taken anew", metrics.reloads.clone());
        registry.register("rules_faults", "Faulty access rules, the old ones kept", metrics.reload_faults.clone());
        registry.register("rules_current", "Whether the rules file is the rules in use", metrics.rules_current.clone());
        registry.register(
            "keys_current",
            "Whether the files of keys are the keys in use",
            metrics.keys_current.clone(),
        );
        registry.register(
            "certificates_current",
            "Whether the files of certificates are those in use",
            metrics.certificates_current.clone(),
        );
        *metrics.registry.lock() = registry;
        metrics
    }

    /// Counts a request that is over.
    pub fn asked(&self, operation: Operation, transport: &'static str, code: &'static str, took: Duration) {
        let operation = operation.as_str();
        self.requests.get_or_create(&Asked { operation, transport, code }).inc();
        self.seconds.get_or_create(&Timed { operation }).observe(took.as_secs_f64());
    }

    /// Counts what was turned away before it was a request.
    pub fn refuse(&self, why: &'static str) {
        self.refused.get_or_create(&Why { why }).inc();
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry.lock());
        text
    }
}
