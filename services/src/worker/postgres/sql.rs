//! The tables of tasks in PostgreSQL, and each transition as a statement.

use crate::postgres::Schema;

/// The tables are those of a worker's file, with the same meaning.
pub(super) const SCHEMA: Schema = Schema {
    name: "skein_worker",
    steps: &["
        CREATE TABLE skein_worker.tasks (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            idempotency_key TEXT,
            task TEXT NOT NULL,
            body BYTEA NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'dead')),
            attempts INT NOT NULL DEFAULT 0,
            due BIGINT NOT NULL,
            claim TEXT CHECK ((claim IS NOT NULL) = (state = 'running')),
            result TEXT,
            UNIQUE (owner, idempotency_key)
        );
        CREATE INDEX tasks_by_due ON skein_worker.tasks (due, id)
            WHERE state IN ('queued', 'running');
        CREATE INDEX tasks_by_state ON skein_worker.tasks (state);
        CREATE TABLE skein_worker.effects (
            sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            task_id TEXT NOT NULL REFERENCES skein_worker.tasks,
            result TEXT NOT NULL
        );
        CREATE TABLE skein_worker.outbox (
            task_id TEXT PRIMARY KEY REFERENCES skein_worker.tasks,
            since BIGINT NOT NULL,
            again BOOLEAN NOT NULL
        );
        CREATE INDEX outbox_by_since ON skein_worker.outbox (since);"],
    statements: &[
        KEEP,
        REPEATED,
        FIND,
        CLAIM,
        NEXT_DUE,
        RENEW,
        FINISH,
        FAIL,
        RELEASE,
        COUNT,
        CONFIRM,
        UNCONFIRMED,
        PUBLISH_AGAIN,
        BEGIN,
        IS_DONE,
        BURY,
    ],
};

pub(crate) const KEEP: &str = "
    WITH kept AS (
        INSERT INTO skein_worker.tasks (id, owner, idempotency_key, task, body, state, due)
        VALUES ($1, $2, $3, $4, $5, 'queued', $6)
        ON CONFLICT (owner, idempotency_key) DO NOTHING
        RETURNING id
    ), put AS (
        INSERT INTO skein_worker.outbox (task_id, since, again)
        SELECT id, $6, false FROM kept WHERE $7
    )
    SELECT id FROM kept";

pub(super) const REPEATED: &str = "
    SELECT id, task, state, attempts, result, body,
        EXISTS (SELECT 1 FROM skein_worker.outbox WHERE task_id = id AND NOT again)
    FROM skein_worker.tasks WHERE owner = $1 AND idempotency_key = $2";

pub(super) const FIND: &str = "
    SELECT id, task, state, attempts, result FROM skein_worker.tasks
    WHERE id = $1 AND owner = coalesce($2, owner)";

pub(super) const CLAIM: &str = "
    WITH given_up AS (
        UPDATE skein_worker.tasks SET state = 'dead', claim = NULL, result = $3
        WHERE state = 'running' AND due <= $1 AND attempts >= $2
    )
    UPDATE skein_worker.tasks
    SET state = 'running', attempts = attempts + 1, claim = $4, due = $5
    WHERE id = (
        SELECT id FROM skein_worker.tasks
        WHERE state IN ('queued', 'running') AND due <= $1
            AND (state = 'queued' OR attempts < $2)
        ORDER BY due, id LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, body, attempts";

pub(super) const NEXT_DUE: &str = "
    SELECT min(due) FROM skein_worker.tasks WHERE state IN ('queued', 'running')";

pub(super) const RENEW: &str = "
    UPDATE skein_worker.tasks SET due = $3 WHERE id = $1 AND claim = $2 RETURNING id";

pub(crate) const FINISH: &str = "
    WITH ended AS (
        UPDATE skein_worker.tasks SET state = 'done', claim = NULL, result = $3
        WHERE id = $1 AND claim = $2
        RETURNING id
    ), effect AS (
        INSERT INTO skein_worker.effects (task_id, result) SELECT id, $3 FROM ended
    )
    SELECT id FROM ended";

pub(super) const FAIL: &str = "
    UPDATE skein_worker.tasks SET state = $3, claim = NULL, result = $4, due = $5
    WHERE id = $1 AND claim = $2 RETURNING id";

pub(super) const RELEASE: &str = "
    UPDATE skein_worker.tasks
    SET state = 'queued', attempts = attempts - 1, claim = NULL, due = $3
    WHERE id = $1 AND claim = $2 RETURNING id";

/// One statement, so that effects and done tasks are of the same moment.
pub(super) const COUNT: &str = "
    SELECT
        (
            SELECT count(*) FROM skein_worker.outbox JOIN skein_worker.tasks ON id = task_id
            WHERE state = 'queued' AND NOT again
        ),
        (SELECT count(*) FROM skein_worker.tasks WHERE state = 'queued'),
        (SELECT count(*) FROM skein_worker.tasks WHERE state = 'running'),
        (SELECT count(*) FROM skein_worker.tasks WHERE state = 'done'),
        (SELECT count(*) FROM skein_worker.tasks WHERE state = 'dead'),
        (SELECT count(*) FROM skein_worker.effects)";

pub(super) const CONFIRM: &str = "
    DELETE FROM skein_worker.outbox WHERE task_id = $1 RETURNING again";

pub(super) const UNCONFIRMED: &str = "
    UPDATE skein_worker.outbox SET since = $3
    FROM skein_worker.tasks
    WHERE id = task_id AND task_id IN (
        SELECT task_id FROM skein_worker.outbox WHERE since <= $1
        ORDER BY since, task_id LIMIT $2
        FOR UPDATE SKIP LOCKED
    )
    RETURNING task_id, body";

pub(super) const PUBLISH_AGAIN: &str = "
    WITH put_back AS (
        INSERT INTO skein_worker.outbox (task_id, since, again)
        SELECT id, 0, true FROM skein_worker.tasks WHERE state IN ('queued', 'running')
        ON CONFLICT (task_id) DO NOTHING
        RETURNING task_id
    )
    SELECT count(*) FROM put_back";

pub(super) const BEGIN: &str = "
    UPDATE skein_worker.tasks SET state = 'running', attempts = $2, claim = $3, due = $4
    WHERE id = $1 AND state IN ('queued', 'running') RETURNING body";

pub(super) const IS_DONE: &str = "SELECT state = 'done' FROM skein_worker.tasks WHERE id = $1";

pub(super) const BURY: &str = "
    UPDATE skein_worker.tasks SET state = 'dead', claim = NULL, result = $2
    WHERE id = $1 AND state IN ('queued', 'running')";
