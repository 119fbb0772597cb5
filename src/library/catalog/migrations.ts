// The catalogue's schema, step by step. A step, once released, is never changed; the next one follows it.

/** Element n brings a database from version n to version n + 1 (`PRAGMA user_version`). */
export const catalogMigrations: readonly string[] = [
  `
  CREATE TABLE library (id TEXT NOT NULL PRIMARY KEY) STRICT;

  CREATE TABLE source (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    last_success_at_ms INTEGER
  ) STRICT;

  CREATE TABLE import (
    id TEXT NOT NULL PRIMARY KEY,
    source_id TEXT NOT NULL REFERENCES source (id),
    started_at_ms INTEGER NOT NULL,
    finished_at_ms INTEGER,
    is_complete INTEGER,
    counts TEXT,
    state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted'))
  ) STRICT;
  CREATE INDEX import_by_source ON import (source_id, started_at_ms);
  CREATE INDEX import_running ON import (state) WHERE state = 'running';

  CREATE TABLE asset (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    captured_local TEXT,
    captured_offset_minutes INTEGER,
    date_basis TEXT NOT NULL,
    folder TEXT NOT NULL,
    stem TEXT NOT NULL,
    suffix INTEGER NOT NULL,
    live_id TEXT,
    camera TEXT
  ) STRICT;
  CREATE INDEX asset_by_live_id ON asset (live_id) WHERE live_id IS NOT NULL;
  CREATE INDEX asset_by_camera ON asset (camera, captured_local) WHERE camera IS NOT NULL;

  CREATE TABLE resource (
    path_key TEXT NOT NULL PRIMARY KEY,
    stem_key TEXT NOT NULL,
    asset_id TEXT NOT NULL REFERENCES asset (id),
    role TEXT NOT NULL,
    path TEXT NOT NULL,
    hash TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_at_ns INTEGER NOT NULL,
    original_name TEXT NOT NULL,
    import_id TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX resource_by_stem ON resource (stem_key);
  CREATE INDEX resource_by_asset ON resource (asset_id);
  CREATE INDEX resource_by_hash ON resource (hash);

  CREATE TABLE source_entry (
    source_id TEXT NOT NULL,
    path TEXT NOT NULL,
    folder TEXT NOT NULL,
    candidate_key TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_at_ns INTEGER NOT NULL,
    head_hash TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    PRIMARY KEY (source_id, path)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX source_entry_by_key ON source_entry (source_id, folder, candidate_key);
  CREATE INDEX source_entry_by_asset ON source_entry (asset_id);

  CREATE TABLE journal (
    id INTEGER NOT NULL PRIMARY KEY,
    asset_id TEXT NOT NULL,
    import_id TEXT NOT NULL,
    plan TEXT NOT NULL
  ) STRICT;
  `,
  // The manifests whose lines are all recorded, and how large each was then. Without a size it has to be read to know.
  `
  CREATE TABLE manifest (
    id TEXT NOT NULL PRIMARY KEY,
    size_bytes INTEGER
  ) STRICT, WITHOUT ROWID;
  INSERT INTO manifest (id) SELECT DISTINCT import_id FROM resource;
  `,
  // What a phone's or a Mac's own list says of its photos, each checked against the files; and where a date's zone is known from.
  `
  CREATE TABLE photos_list (
    source_id TEXT NOT NULL PRIMARY KEY,
    stamp TEXT NOT NULL,
    read_at_ms INTEGER NOT NULL,
    facts TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE photos_asset (
    source_id TEXT NOT NULL,
    folder_key TEXT NOT NULL,
    name_key TEXT NOT NULL,
    uuid TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('own', 'hidden', 'recentlyDeleted', 'sharedAlbum', 'sharedWithYou')),
    place TEXT NOT NULL CHECK (place IN ('onDevice', 'offloaded', 'iCloudOnly', 'unknown')),
    path TEXT,
    movie_path TEXT,
    seen_bytes INTEGER,
    bytes INTEGER,
    facts TEXT NOT NULL,
    PRIMARY KEY (source_id, folder_key, name_key, uuid)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX photos_asset_by_scope ON photos_asset (source_id, scope, place);

  ALTER TABLE asset ADD COLUMN offset_basis TEXT;
  `,
  // Which files are on which drive, and when they were proven there; what is wrong with files anywhere; what the owner removed.
  `
  ALTER TABLE resource ADD COLUMN checked_at_ms INTEGER;
  ALTER TABLE resource ADD COLUMN removed_by TEXT;
  CREATE INDEX resource_by_size ON resource (size_bytes);
  CREATE INDEX resource_by_check ON resource (checked_at_ms);
  CREATE INDEX resource_removed ON resource (removed_by) WHERE removed_by IS NOT NULL;

  CREATE TABLE removal (
    id TEXT NOT NULL PRIMARY KEY,
    removed_at_ms INTEGER NOT NULL,
    emptied_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE drive (
    id TEXT NOT NULL PRIMARY KEY,
    last_copied_at_ms INTEGER,
    last_checked_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE copied (
    drive_id TEXT NOT NULL,
    path TEXT NOT NULL,
    hash TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_at_ns INTEGER NOT NULL,
    is_ours INTEGER NOT NULL,
    copied_at_ms INTEGER NOT NULL,
    read_back_at_ms INTEGER,
    checked_at_ms INTEGER,
    removed_by TEXT,
    PRIMARY KEY (drive_id, path)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX copied_by_hash ON copied (hash);
  CREATE INDEX copied_by_check ON copied (drive_id, checked_at_ms);
  CREATE INDEX copied_removed ON copied (drive_id, removed_by) WHERE removed_by IS NOT NULL;

  CREATE TABLE finding (
    place TEXT NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('missing', 'corrupt', 'unreadable', 'changed', 'unknown')),
    found_at_ms INTEGER NOT NULL,
    is_accepted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (place, path)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE note (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];
