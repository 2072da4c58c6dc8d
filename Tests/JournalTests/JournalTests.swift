import Foundation
import Journal
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct JournalTests {
    let folder: TemporaryFolder
    var path: String { folder.path }

    init() throws { folder = TemporaryFolder() }

    private func record(_ stage: Int, _ content: StageRecord.Content) -> StageRecord {
        let digest: String? =
            switch content {
            case .inline(let bytes): Digest.sha256(bytes)
            case .file(let name): try? Digest.sha256(file: "\(path)/partials/\(name)")
            }
        return StageRecord(
            stage: stage, layers: stage..<stage + 1, digest: digest ?? "none", worker: "w", content: content)
    }

    @Test func whatIsCommittedSurvives() throws {
        try FileManager.default.createDirectory(atPath: path + "/partials", withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: path + "/partials/a.safetensors"))
        let records = [record(0, .inline([1, 2, 3])), record(1, .file("a.safetensors"))]
        do {
            let journal = try Journal(folder: path)
            #expect(journal.epoch == 1)
            try journal.commit([TaskRecord(key: "key", label: "scoring 1", results: records)])
        }
        let journal = try Journal(folder: path)
        #expect(journal.epoch == 2)
        #expect(try journal.results(of: "key") == records)
        #expect(try journal.results(of: "other") == nil)
        #expect(try journal.files() == ["a.safetensors"])
        // A file that is gone takes the whole task with it.
        try FileManager.default.removeItem(atPath: path + "/partials/a.safetensors")
        #expect(try journal.results(of: "key") == nil)
        try journal.forget(["key"])
        #expect(try journal.files() == [])
    }

    @Test func whatTheStudyNoLongerAsksForGoes() throws {
        do {
            let journal = try Journal(folder: path)
            for key in ["old", "kept"] {
                try journal.commit([TaskRecord(key: key, label: key, results: [record(0, .inline([]))])])
            }
        }
        do {
            let journal = try Journal(folder: path)
            #expect(try journal.results(of: "kept") != nil)
            try journal.forgetUnused()
        }
        let journal = try Journal(folder: path)
        #expect(try journal.results(of: "old") == nil)
        #expect(try journal.results(of: "kept") != nil)
    }

    @Test func aRunKeepsItsNameThroughAllItsLives() throws {
        let names = try (0..<2).map { _ in try Journal(folder: path).run }
        #expect(names[0] == names[1] && names[0].count == 32)
        let other = TemporaryFolder()
        #expect(try Journal(folder: other.path).run != names[0])
    }

    /// As with checkpoints: the new one takes the place of the old, and of others of its kind.
    @Test func aRecordIsReplacedWhole() throws {
        let journal = try Journal(folder: path)
        for key in ["checkpoint-a", "checkpoint-b", "x"] {
            try journal.commit([
                TaskRecord(key: key, label: key, results: [record(0, .inline([1])), record(1, .inline([2]))])
            ])
        }
        try journal.commit([TaskRecord(key: "checkpoint-b", label: "later", results: [record(0, .inline([3]))])])
        #expect(try journal.results(of: "checkpoint-b") == [record(0, .inline([3]))])
        try journal.forget(keysFrom: "checkpoint-", except: "checkpoint-b")
        #expect(try journal.results(of: "checkpoint-a") == nil)
        #expect(try journal.results(of: "checkpoint-b") != nil && journal.results(of: "x")?.count == 2)
        try journal.forget(keysFrom: "checkpoint-", except: nil)
        #expect(try journal.results(of: "checkpoint-b") == nil && journal.results(of: "x") != nil)
    }

    @Test func aSecondCoordinatorIsRefused() throws {
        let journal = try Journal(folder: path)
        let error = #expect(throws: JournalError.self) { try Journal(folder: path) }
        #expect(error?.kind == .inUse && error?.description.contains("process \(getpid())") == true)
        withExtendedLifetime(journal) {}
    }

    @Test(arguments: [0, 30, 4096, 9000]) func aDamagedJournalSaysWhatToDo(offset: Int) throws {
        do {
            let journal = try Journal(folder: path)
            for number in 0..<200 {
                try journal.commit([
                    TaskRecord(
                        key: "key \(number)", label: "x",
                        results: [record(0, .inline([UInt8](repeating: 7, count: 300)))])
                ])
            }
        }
        let file = URL(fileURLWithPath: Journal.path(in: path))
        var bytes = try Data(contentsOf: file)
        for place in offset..<min(bytes.count, offset + 2000) { bytes[place] = 0xA5 }
        try bytes.write(to: file)
        for side in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + side) }
        do {
            let journal = try Journal(folder: path)
            // It starts where the damage can be lived with, and then what it says is true.
            for number in 0..<200 {
                if let records = try journal.results(of: "key \(number)") {
                    #expect(records == [record(0, .inline([UInt8](repeating: 7, count: 300)))])
                }
            }
        } catch {
            #expect(error.kind == .damaged && error.description.contains("mv "), "\(error)")
        }
    }

    /// A page cut off in the middle reads as zeros at its end, where cells lie: the table is sound, what it says is not.
    @Test func bytesThatAreNotWhatWasRecordedAreNothing() throws {
        let records = (0..<40).map { number in
            TaskRecord(
                key: "key \(number)", label: "x", results: [record(0, .inline([UInt8](repeating: 7, count: 300)))])
        }
        do { try Journal(folder: path).commit(records) }
        let file = URL(fileURLWithPath: Journal.path(in: path))
        let whole = try Data(contentsOf: file)
        var found = 0
        for cut in stride(from: 100, to: 2000, by: 100) {
            try whole.dropLast(cut).write(to: file)
            for side in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + side) }
            guard let journal = try? Journal(folder: path) else { continue }
            for task in records {
                guard let results = try journal.results(of: task.key) else { continue }
                found += 1
                #expect(results == task.results)
            }
        }
        #expect(found > 0)
    }

    /// Rows that trade places are sound in themselves; what they are recorded for is not.
    @Test func aRowUnderAnotherTasksKeyIsNothing() throws {
        let keys = (0..<6).map { "key number \($0)" }
        let tasks = keys.enumerated().map { number, key in
            TaskRecord(
                key: key, label: "x", results: [record(0, .inline([UInt8](repeating: UInt8(number), count: 40)))])
        }
        do {
            let journal = try Journal(folder: path)
            try journal.commit(tasks)
            journal.close()
        }
        let file = URL(fileURLWithPath: Journal.path(in: path))
        let whole = [UInt8](try Data(contentsOf: file))
        for (first, second) in [(0, 1), (2, 5), (3, 4)] {
            var bytes = whole
            let names = [Array(keys[first].utf8), Array(keys[second].utf8)]
            for place in 0..<bytes.count - names[0].count {
                let here = Array(bytes[place..<place + names[0].count])
                guard let side = names.firstIndex(of: here) else { continue }
                bytes.replaceSubrange(place..<place + here.count, with: names[1 - side])
            }
            try Data(bytes).write(to: file)
            for side in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + side) }
            guard let journal = try? Journal(folder: path) else { continue }
            for task in tasks { if let found = try journal.results(of: task.key) { #expect(found == task.results) } }
            journal.close()
        }
    }

    @Test func aDamagedFileIsNoResult() throws {
        try FileManager.default.createDirectory(atPath: path + "/partials", withIntermediateDirectories: true)
        let file = URL(fileURLWithPath: path + "/partials/a.safetensors")
        try Data([1, 2, 3]).write(to: file)
        let records = [record(0, .file("a.safetensors"))]
        let said = Mutex("")
        let journal = try Journal(folder: path) { line in said.withLock { $0 = line } }
        try journal.commit([TaskRecord(key: "key", label: "x", results: records)])
        #expect(try journal.results(of: "key") == records)
        try Data([1, 0, 3]).write(to: file)
        #expect(try journal.results(of: "key") == nil)
        #expect(said.withLock { $0 }.hasSuffix("is not what was recorded; it is computed again"))
    }

    @Test func aTornTailStarts() throws {
        do {
            let journal = try Journal(folder: path)
            try journal.commit([TaskRecord(key: "key", label: "x", results: [record(0, .inline([1]))])])
        }
        // A write-ahead log cut in the middle of a record.
        try Data([0x37, 0x7F, 0x06, 0x82, 1, 2, 3]).write(to: URL(fileURLWithPath: Journal.path(in: path) + "-wal"))
        let journal = try Journal(folder: path)
        #expect(try journal.results(of: "key") == [record(0, .inline([1]))])
    }

    @Test func eventsTellATasksStory() throws {
        let journal = try Journal(folder: path)
        func note(_ kind: String, task: String = "", worker: String, _ text: String = "") -> Event {
            Event(seconds: 1, epoch: journal.epoch, kind: kind, task: task, worker: worker, text: text)
        }
        journal.note([note("granted", task: "scoring 1", worker: "w1"), note("lost", worker: "w1", "silent for 30 s")])
        journal.note([note("granted", task: "scoring 1", worker: "w2")])
        #expect(try Journal.events(in: path, task: "scoring 1").map(\.worker) == ["w1", "w2"])
        #expect(try Journal.events(in: path, task: nil).count == 3)
        #expect(throws: JournalError.self) { try Journal.events(in: "/nowhere", task: nil) }
    }
}
