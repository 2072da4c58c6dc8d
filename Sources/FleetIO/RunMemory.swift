import Dispatch
import Foundation
import Journal
package import Logging
package import Scheduling
import Synchronization
import Tensors

/// The fleet's side of the journal: results as records, and the files of both in step.
package final class RunMemory: Sendable {
    private let journal: Journal
    private let partials: String
    private let notes = DispatchQueue(label: "faultline.notes")
    /// Notes of the last moment: they go to disk together.
    private let unwritten = Mutex<[Event]>([])
    private let logger: Logger

    /// - Parameters:
    ///   - folder: the run directory.
    ///   - logger: for what is recorded, and for a disk that is full.
    /// - Throws: `JournalError`.
    package init(folder: String, logger: Logger) throws {
        self.logger = logger
        partials = "\(folder)/partials"
        journal = try Journal(folder: folder) { logger.info("\($0)") }
        try sweep()
    }

    /// Pipelines of this life of the run have higher epochs than all before.
    package var firstEpoch: UInt64 { journal.epoch << 32 }

    /// Names the run through all its starts.
    package var run: String { journal.run }

    /// A task whose results are to be on record.
    package struct Entry {
        var key: String
        var label: String
        var results: [StageResult]

        package init(key: String, label: String, results: [StageResult]) {
            self.key = key
            self.label = label
            self.results = results
        }
    }

    /// All of them or none; returns when they are on disk.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    package func commit(_ entries: [Entry]) throws {
        try journal.commit(entries.map { TaskRecord(key: $0.key, label: $0.label, results: records(of: $0.results)) })
        for entry in entries {
            for result in entry.results {
                report(.committed(task: entry.label, worker: result.worker, stage: result.stage))
            }
        }
    }

    /// Records how far fine-tuning is, in place of all earlier checkpoints, whose files go.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    package func keepCheckpoint(_ key: String, label: String, _ results: [StageResult]) throws {
        try journal.commit([TaskRecord(key: key, label: label, results: records(of: results))])
        report(.checkpoint(task: label))
        try journal.forget(keysFrom: Self.checkpointPrefix, except: key)
        try sweep()
    }

    /// What the keys of checkpoints begin with.
    package static let checkpointPrefix = "checkpoint-"

    private func records(of results: [StageResult]) -> [StageRecord] {
        results.map { result in
            var digest = result.digest
            let content: StageRecord.Content
            switch result.bundle {
            case .memory(let bundle):
                let bytes = bundle.image().bytes()
                digest = Digest.sha256(bytes)
                content = .inline(bytes)
            case .file(let path): content = .file(URL(fileURLWithPath: path).lastPathComponent)
            }
            return StageRecord(
                stage: result.stage, layers: result.layers, digest: digest, worker: result.worker, content: content)
        }
    }

    /// - Throws: `JournalError`; `TensorFileError` where a record's bytes are no results.
    package func results(of key: String) throws -> [StageResult]? {
        try journal.results(of: key)?.map { record in
            let bundle: StageResult.Bundle =
                switch record.content {
                case .inline(let bytes):
                    .memory(try bytes.withUnsafeBytes { try TensorBundle(safetensors: $0, source: "the journal") })
                case .file(let name): .file("\(partials)/\(name)")
                }
            return StageResult(
                stage: record.stage, layers: record.layers, digest: record.digest, bundle: bundle,
                worker: record.worker)
        }
    }

    /// Takes tasks off the record, and removes the files that no record names any more.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    package func forget(_ keys: [String]) throws {
        try journal.forget(keys)
        try sweep()
    }

    /// The run is through: what it did not ask for goes, and what fine-tuning would go on from.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    package func conclude() throws {
        try journal.forgetUnused()
        try journal.forget(keysFrom: Self.checkpointPrefix, except: nil)
        try sweep()
    }

    /// Tells the journal and the log.
    package func report(_ occurrence: RunOccurrence) {
        record(occurrence)
        logger.report(occurrence)
    }

    /// Notes it in the journal, where it has a word for it. Off the caller's thread: an I/O loop may tell, too.
    package func record(_ occurrence: any Occurrence) {
        guard let kind = occurrence.kind else { return }
        let event = Event(
            seconds: Date().timeIntervalSince1970, epoch: journal.epoch, kind: kind.rawValue, task: occurrence.task,
            worker: occurrence.worker, text: occurrence.details)
        let isFirst = unwritten.withLock { events in
            events.append(event)
            return events.count == 1
        }
        guard isFirst else { return }
        notes.asyncAfter(deadline: .now() + 0.05) { [self] in writeNotes() }
    }

    private func writeNotes() {
        let events = unwritten.withLock { events in
            defer { events = [] }
            return events
        }
        journal.note(events)
    }

    /// Writes what is still to be noted, and lets others have the directory.
    package func close() {
        notes.sync {
            writeNotes()
            journal.close()
        }
    }

    /// Removes partials that no record names: halves of files, and results a crash left unrecorded.
    private func sweep() throws {
        let named = try journal.files()
        for name in Files.names(in: partials) where !named.contains(name) {
            Files.removeFile("\(partials)/\(name)")
        }
    }
}
