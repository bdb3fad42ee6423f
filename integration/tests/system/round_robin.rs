//! Shares of gateways behind this project's balancer.

crate::round_robin_stories::round_robin_over!(Ours);
