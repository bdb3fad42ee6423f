//! Failover behind HAProxy.

crate::failover_stories::failover_over!(Haproxy);
