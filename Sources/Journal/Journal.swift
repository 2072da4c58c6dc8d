import Foundation
import GRDB
import Tensors

/// What a run has finished, in `journal.sqlite` of its directory: kill the program at any time, start it again with the
/// same command, and only what is missing is computed.
///
/// A task is known by its content (model, edit, data, settings), so a changed study reuses what it shares with the old
/// one. Every commit is one transaction, on disk before it returns. All SQL of Faultline is in this file and in `Journal+Schema`.
public final class Journal: Sendable {
    /// Raised at every start: whoever comes with a lower one is of an earlier start of the run.
    public let epoch: UInt64
    /// Drawn when the journal was made: the same run through all its starts.
    public let run: String
    private let folder: String
    private let lock: RunLock
    private let database: DatabaseQueue
    private let log: @Sendable (String) -> Void
    /// Events kept; the oldest go.
    private static let eventLimit = 20_000

    /// `faultline history` may read while a run begins, which for a moment needs the file alone.
    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        return configuration
    }

    public static func path(in folder: String) -> String { folder + "/journal.sqlite" }

    /// Opens or makes the journal of a run directory, and locks the directory.
    /// - Parameter log: gets a line when the disk is full or read-only, and when that is over.
    /// - Throws: `JournalError`.
    public init(folder: String, log: @escaping @Sendable (String) -> Void = { _ in }) throws(JournalError) {
        self.folder = folder
        self.log = log
        lock = try RunLock(folder: folder)
        let path = Self.path(in: folder)
        do {
            var configuration = Self.configuration
            configuration.prepareDatabase { database in
                // A commit has to survive a power cut.
                try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
            }
            database = try DatabaseQueue(path: path, configuration: configuration)
            try Self.migrator.migrate(database)
            guard try database.read({ try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }) == "ok" else {
                throw Self.damaged(path)
            }
            (epoch, run) = try database.write { database in
                try database.execute(
                    sql: """
                        INSERT INTO setting (name, value) VALUES ('epoch', 1)
                        ON CONFLICT (name) DO UPDATE SET value = value + 1
                        """)
                try database.execute(
                    sql: "INSERT OR IGNORE INTO setting (name, value) VALUES ('run', lower(hex(randomblob(16))))")
                FaultInjection.reached("starting-inside")
                return (
                    UInt64(try Int64.fetchOne(database, sql: "SELECT value FROM setting WHERE name = 'epoch'") ?? 1),
                    try String.fetchOne(database, sql: "SELECT value FROM setting WHERE name = 'run'") ?? ""
                )
            }
            FaultInjection.reached("starting")
        } catch let error as JournalError { throw error } catch {
            // What is no trouble with the disk or with rights is trouble with the file.
            let troubles: [ResultCode] = [
                .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_BUSY,
                .SQLITE_LOCKED, .SQLITE_NOMEM,
            ]
            if let error = error as? DatabaseError, !troubles.contains(error.resultCode) { throw Self.damaged(path) }
            throw JournalError(.other, "\(path): \(error)")
        }
    }

    /// Lets others have the directory. Nothing may be recorded after it.
    public func close() {
        try? database.close()
        lock.release()
    }

    private static func damaged(_ path: String) -> JournalError {
        JournalError(
            .damaged,
            "\(path) is damaged: move it away (mv \(path) \(path).damaged) and start again; what it recorded is computed anew, with the same results"
        )
    }

    // MARK: Tasks

    /// Records the results of tasks in one transaction; returns when they are on disk. Where the disk is full or read-only
    /// it says so and waits until it is not.
    /// - Throws: `JournalError`.
    public func commit(_ tasks: [TaskRecord]) throws(JournalError) {
        guard let first = tasks.first else { return }
        try persist("recording \(first.label)\(tasks.count > 1 ? " and \(tasks.count - 1) more" : "")") { database in
            for task in tasks { try self.insert(task, database) }
        }
    }

    private func insert(_ task: TaskRecord, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO task (key, label, epoch) VALUES (?, ?, ?)",
            arguments: [task.key, task.label, Int64(epoch)])
        try database.execute(sql: "DELETE FROM result WHERE key = ?", arguments: [task.key])
        for result in task.results {
            let (bytes, file): (Data?, String?) =
                switch result.content {
                case .inline(let bytes): (Data(bytes), nil)
                case .file(let name): (nil, name)
                }
            try database.execute(
                sql: """
                    INSERT OR REPLACE INTO result
                        (key, stage, first_layer, end_layer, digest, worker, bytes, file, seal)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    task.key, result.stage, result.layers.lowerBound, result.layers.upperBound, result.digest,
                    result.worker, bytes, file,
                    Share(
                        stage: result.stage, count: task.results.count, layers: result.layers, digest: result.digest,
                        isFile: file != nil
                    ).seal(task.key),
                ])
        }
    }

    /// What was committed under a key, by stage; `nil` where nothing was, where a file of it is gone, or where its bytes are
    /// not those that were committed under this key: a torn page reads as zeros, which no check of SQLite's own notices.
    /// - Throws: `JournalError` where the database is damaged or cannot be read.
    public func results(of key: String) throws(JournalError) -> [StageRecord]? {
        guard let records = try rows(of: key) else { return nil }
        guard !records.isEmpty else { return unsound() }
        for record in records {
            let digest: String? =
                switch record.content {
                case .inline(let bytes): Digest.sha256(bytes)
                case .file(let name): try? Digest.sha256(file: "\(folder)/partials/\(name)")
                }
            guard digest == record.digest else { return unsound() }
        }
        return records
    }

    private func unsound() -> [StageRecord]? {
        log("\(folder): a result on record is not what was recorded; it is computed again")
        return nil
    }

    /// Rows under a key, by stage; `nil`: none; empty: what is there is damaged.
    private func rows(of key: String) throws(JournalError) -> [StageRecord]? {
        try persist("reading") { database in
            try database.execute(
                sql: "UPDATE task SET epoch = ? WHERE key = ? AND epoch <> ?",
                arguments: [Int64(self.epoch), key, Int64(self.epoch)])
            let rows = try Row.fetchAll(
                database, sql: "SELECT * FROM result WHERE key = ? ORDER BY stage", arguments: [key])
            guard !rows.isEmpty else { return nil }
            let records = rows.compactMap { self.record($0, of: key, count: rows.count) }
            return records.count == rows.count ? records : []
        }
    }

    /// A row as a record; `nil` where it is not one that was written for this task.
    private func record(_ row: Row, of key: String, count: Int) -> StageRecord? {
        guard let stage: Int = row.value("stage"), let first: Int = row.value("first_layer"),
            let end: Int = row.value("end_layer"), first <= end, let digest: String = row.value("digest"),
            let worker: String = row.value("worker"), let seal: String = row.value("seal")
        else { return nil }
        let file: String? = row.value("file")
        let share = Share(stage: stage, count: count, layers: first..<end, digest: digest, isFile: file != nil)
        guard seal == share.seal(key) else { return nil }
        let content: StageRecord.Content
        if let file {
            guard Files.exists("\(folder)/partials/\(file)") else { return nil }
            content = .file(file)
        } else {
            content = .inline([UInt8](row.value("bytes") as Data? ?? Data()))
        }
        return StageRecord(stage: stage, layers: first..<end, digest: digest, worker: worker, content: content)
    }

    /// Takes tasks off the record: what was made of them is safe elsewhere. Their files are the caller's to remove.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    public func forget(_ keys: [String]) throws(JournalError) {
        try persist("forgetting") { database in
            for key in keys { try database.execute(sql: "DELETE FROM task WHERE key = ?", arguments: [key]) }
        }
    }

    /// Takes the tasks off the record whose keys begin with `prefix`, but for one.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    public func forget(keysFrom prefix: String, except key: String?) throws(JournalError) {
        try persist("forgetting") { database in
            try database.execute(
                sql: "DELETE FROM task WHERE substr(key, 1, length(?1)) = ?1 AND key IS NOT ?2",
                arguments: [prefix, key])
        }
    }

    /// Takes everything off the record that this life of the run did not ask for: the study has changed since.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    public func forgetUnused() throws(JournalError) {
        try persist("tidying") { database in
            try database.execute(sql: "DELETE FROM task WHERE epoch <> ?", arguments: [Int64(self.epoch)])
        }
    }

    /// Names of files in `partials` that records refer to.
    /// - Throws: `JournalError` where the database is damaged or cannot be read.
    public func files() throws(JournalError) -> Set<String> {
        try persist("reading") { try String.fetchSet($0, sql: "SELECT file FROM result WHERE file IS NOT NULL") }
    }

    // MARK: Events

    /// Notes what happened. Best effort: a full disk loses notes, never the run.
    public func note(_ events: [Event]) {
        guard !events.isEmpty else { return }
        try? database.write { database in
            for event in events {
                try database.execute(
                    sql: "INSERT INTO event (seconds, epoch, kind, task, worker, text) VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        event.seconds, Int64(event.epoch), event.kind, event.task, event.worker,
                        String(event.text.prefix(2000)),
                    ])
            }
            FaultInjection.reached("noting-inside")
            try database.execute(
                sql: "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", arguments: [Self.eventLimit])
        }
        FaultInjection.reached("noting")
    }

    /// The story of a task (`nil`: of the run), oldest first, read without the lock: the run may be under way.
    /// - Throws: `JournalError`.
    public static func events(in folder: String, task: String?) throws(JournalError) -> [Event] {
        let path = path(in: folder)
        guard Files.exists(path) else {
            throw JournalError(.other, "\(folder): no journal here; give the directory of a run")
        }
        do {
            var configuration = Self.configuration
            configuration.readonly = true
            let database = try DatabaseQueue(path: path, configuration: configuration)
            return try database.read { database in
                try Row.fetchAll(
                    database, sql: "SELECT * FROM event WHERE ?1 IS NULL OR task = ?1 ORDER BY id", arguments: [task]
                ).map { row in
                    Event(
                        seconds: row.value("seconds") ?? 0, epoch: UInt64(max(0, row.value("epoch") as Int64? ?? 0)),
                        kind: row.value("kind") ?? "", task: row.value("task") ?? "",
                        worker: row.value("worker") ?? "", text: row.value("text") ?? "")
                }
            }
        } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
            throw damaged(path)
        } catch { throw JournalError(.other, "\(path): \(error)") }
    }

    // MARK: Writing

    /// Runs a transaction, again and again while the disk has no room or refuses to be written to. Tests may end the
    /// program inside or after it, by the first word of `what`.
    private func persist<R>(_ what: String, _ body: @escaping (Database) throws -> R) throws(JournalError) -> R {
        var waits = 0
        while true {
            do {
                let value = try database.write { database in
                    let value = try body(database)
                    FaultInjection.reached("\(what.prefix { $0 != " " })-inside")
                    return value
                }
                FaultInjection.reached("\(what.prefix { $0 != " " })")
                if waits > 0 { log("\(folder): the disk takes data again; going on") }
                return value
            } catch {
                let code = (error as? DatabaseError)?.resultCode
                guard let code, [.SQLITE_FULL, .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_CANTOPEN].contains(code) else {
                    if code == .SQLITE_CORRUPT { throw Self.damaged(Self.path(in: folder)) }
                    throw JournalError(.other, "\(Self.path(in: folder)): \(what): \(error)")
                }
                if waits % 30 == 0 {
                    log("\(folder): the disk is full or read-only (\(what)); paused until it is not: free some space")
                }
                waits += 1
                MonotonicClock.sleep(seconds: 2)
            }
        }
    }
}
