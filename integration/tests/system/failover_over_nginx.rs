//! Failover behind nginx.

crate::failover_stories::failover_over!(Nginx);
