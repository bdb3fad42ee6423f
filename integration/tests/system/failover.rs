//! Failover behind this project's balancer.

crate::failover_stories::failover_over!(Ours);
