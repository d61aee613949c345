-- The metadata database: the tables of GitLab's registry that this example needs, without their partitions, with digests
-- and media types as text. Triggers feed the review queues of garbage collection, as there.

CREATE TABLE repositories (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE blobs (
    digest text PRIMARY KEY,
    size bigint NOT NULL,
    media_type text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE repository_blobs (
    repository_id bigint NOT NULL REFERENCES repositories ON DELETE CASCADE,
    blob_digest text NOT NULL REFERENCES blobs ON DELETE CASCADE,
    PRIMARY KEY (repository_id, blob_digest)
);
CREATE TABLE manifests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository_id bigint NOT NULL REFERENCES repositories ON DELETE CASCADE,
    digest text NOT NULL,
    media_type text NOT NULL,
    artifact_type text,
    payload bytea NOT NULL,
    configuration_blob_digest text REFERENCES blobs,
    subject_digest text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (repository_id, digest)
);
CREATE INDEX ON manifests (configuration_blob_digest);
CREATE INDEX ON manifests (repository_id, subject_digest);
CREATE TABLE layers (
    manifest_id bigint NOT NULL REFERENCES manifests ON DELETE CASCADE,
    digest text NOT NULL REFERENCES blobs,
    PRIMARY KEY (manifest_id, digest)
);
CREATE INDEX ON layers (digest);
CREATE TABLE manifest_references (
    parent_id bigint NOT NULL REFERENCES manifests ON DELETE CASCADE,
    child_id bigint NOT NULL REFERENCES manifests,
    PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX ON manifest_references (child_id);
CREATE TABLE tags (
    repository_id bigint NOT NULL REFERENCES repositories ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    manifest_id bigint NOT NULL REFERENCES manifests ON DELETE CASCADE,
    PRIMARY KEY (repository_id, name)
);
CREATE INDEX ON tags (manifest_id);

CREATE TABLE gc_review_after_defaults (event text PRIMARY KEY, value interval NOT NULL);
INSERT INTO gc_review_after_defaults
SELECT unnest(ARRAY['blob_upload', 'manifest_upload', 'manifest_delete', 'layer_delete', 'manifest_list_delete',
                    'tag_delete', 'tag_switch']), interval '1 day';
CREATE TABLE gc_blob_review_queue (
    digest text PRIMARY KEY REFERENCES blobs ON DELETE CASCADE,
    review_after timestamptz NOT NULL,
    review_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    event text NOT NULL
);
CREATE INDEX ON gc_blob_review_queue (review_after);
CREATE TABLE gc_manifest_review_queue (
    manifest_id bigint PRIMARY KEY REFERENCES manifests ON DELETE CASCADE,
    review_after timestamptz NOT NULL,
    review_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    event text NOT NULL
);
CREATE INDEX ON gc_manifest_review_queue (review_after);

CREATE FUNCTION review_blob(blob text, cause text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO gc_blob_review_queue (digest, review_after, event)
    SELECT blob, now() + value, event FROM gc_review_after_defaults WHERE event = cause AND blob IS NOT NULL
    ON CONFLICT (digest) DO UPDATE SET review_after = excluded.review_after, event = excluded.event
$$;
CREATE FUNCTION review_manifest(manifest bigint, cause text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO gc_manifest_review_queue (manifest_id, review_after, event)
    SELECT m.id, now() + d.value, d.event FROM gc_review_after_defaults d, manifests m
    WHERE d.event = cause AND m.id = manifest  -- not one that goes away together with its tag
    ON CONFLICT (manifest_id) DO UPDATE SET review_after = excluded.review_after, event = excluded.event
$$;
CREATE FUNCTION review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_ARGV[0]
        WHEN 'blob_upload' THEN PERFORM review_blob(NEW.digest, 'blob_upload');
        WHEN 'manifest_upload' THEN PERFORM review_manifest(NEW.id, 'manifest_upload');
        WHEN 'manifest_delete' THEN
            PERFORM review_blob(OLD.configuration_blob_digest, 'manifest_delete');
            PERFORM review_manifest(id, 'manifest_delete') FROM manifests
            WHERE repository_id = OLD.repository_id AND subject_digest = OLD.digest;
        WHEN 'layer_delete' THEN PERFORM review_blob(OLD.digest, 'layer_delete');
        WHEN 'manifest_list_delete' THEN PERFORM review_manifest(OLD.child_id, 'manifest_list_delete');
        ELSE PERFORM review_manifest(OLD.manifest_id, TG_ARGV[0]);
    END CASE;
    RETURN NULL;
END $$;
-- Pushing a blob again renews its time: its manifest may come any moment.
CREATE TRIGGER blob_upload AFTER INSERT OR UPDATE ON blobs FOR EACH ROW EXECUTE FUNCTION review('blob_upload');
CREATE TRIGGER manifest_upload AFTER INSERT ON manifests FOR EACH ROW EXECUTE FUNCTION review('manifest_upload');
CREATE TRIGGER manifest_delete AFTER DELETE ON manifests FOR EACH ROW EXECUTE FUNCTION review('manifest_delete');
CREATE TRIGGER layer_delete AFTER DELETE ON layers FOR EACH ROW EXECUTE FUNCTION review('layer_delete');
CREATE TRIGGER list_delete AFTER DELETE ON manifest_references
    FOR EACH ROW EXECUTE FUNCTION review('manifest_list_delete');
CREATE TRIGGER tag_delete AFTER DELETE ON tags FOR EACH ROW EXECUTE FUNCTION review('tag_delete');
CREATE TRIGGER tag_switch AFTER UPDATE OF manifest_id ON tags
    FOR EACH ROW WHEN (OLD.manifest_id <> NEW.manifest_id) EXECUTE FUNCTION review('tag_switch');
