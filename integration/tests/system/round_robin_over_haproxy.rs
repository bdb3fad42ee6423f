//! Shares of gateways behind HAProxy.

crate::round_robin_stories::round_robin_over!(Haproxy);
