import Checkpoint
import Foundation
import Journal
import Selection
import Tensors
import TestSupport
import Testing

/// A grid of restricted fine-tuning with the real programs on a tiny model: the fleet's shape, and a stop in the middle,
/// change no byte; every training runs once; the exported models hold what their conditions say.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct FineTuneGridFleetTests {
    private static let faultline = ChildProcess.product("faultline")
    private let scratch: TemporaryFolder
    private let model: String
    private let pairs: String

    init() throws {
        scratch = TemporaryFolder()
        (model, pairs) = try TinyModel.make(in: scratch, pairs: 12)
        try scratch.write(Array("name a river\nname a bird\nname a danube\n".utf8), "harmful.txt")
        try scratch.write(
            Array(
                """
                name: grid
                model: \(model)
                template: none
                block_examples: 4
                batch_tokens: 64
                calibration: {safety: {pairs: \(pairs), samples: 6}, utility: {pairs: \(pairs), samples: 6}}
                conditions:
                  - unedited
                  - finetune_grid:
                      {pairs: \(pairs), examples: [3, 6], epochs: 2, batch: 4, batch_tokens: 48, lr: 1e-3,
                       frozen: [0, 20, 50], of: linear_maps, p: 10, layers: first}
                evaluation: {harmful: harmful.txt, max_new_tokens: 8, slots: 2}
                export: [finetune-n6-free, finetune-n6-rewind-mask-50, finetune-n6-freeze-random-20]
                """.utf8), "study.yaml")
    }

    private func start(_ run: String, workers: Int, pipelines: Int? = nil) throws -> ChildProcess {
        try ChildProcess(
            Self.faultline,
            [
                "study", "run", scratch.file("study.yaml"), "--run-dir", scratch.file(run), "--no-cache", "--threads",
                "1",
            ]
                + ["--workers", "\(workers)"] + (pipelines.map { ["--pipelines", "\($0)"] } ?? []))
    }

    private func files(_ run: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        let folder = scratch.file(run)
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder)
        where ["masks/", "answers/", "models/", "results.csv", "finetune-grid.csv"].contains(where: {
            name.hasPrefix($0)
        }) {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
            if !isFolder.boolValue { files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")) }
        }
        return files
    }

    private func events(_ run: String, _ kind: String) throws -> [String] {
        try Journal.events(in: scratch.file(run), task: nil).filter { $0.kind == kind }.map(\.task)
    }

    private func golden() throws -> [String: Data] {
        let whole = try start("golden", workers: 1)
        #expect(whole.waitForEnd(seconds: 120) == 0, "\(whole.output)")
        return try files("golden")
    }

    @Test func anyFleetGivesTheSameGrid() throws {
        let golden = try golden()
        #expect(golden.keys.count { $0.hasPrefix("masks/") } == 6)
        #expect(golden.keys.count { $0.hasPrefix("answers/") } == 1 + 2 * 13)
        for (workers, pipelines) in [(2, 1), (3, 2)] {
            let run = "run-\(workers)-\(pipelines)"
            let whole = try start(run, workers: workers, pipelines: pipelines)
            #expect(whole.waitForEnd(seconds: 120) == 0, "\(whole.output)")
            let own = try files(run)
            for (name, bytes) in golden { #expect(own[name] == bytes, "\(name) of \(run)") }
            #expect(own.count == golden.count)
            // For each number of examples a free training, whose all rewound models are, and one for every frozen mask: of
            // three layers, a fifth and a half are both one layer, so these two are one training, too.
            let trainings = try events(run, "granted").filter {
                $0.contains("fine-tuning") && !$0.contains("checkpoint")
            }
            #expect(Set(trainings).count == 2 * (1 + 5), "\(trainings)")
        }
    }

    @Test func theModelsHoldWhatTheirConditionsSay() throws {
        _ = try golden()
        let original = try Checkpoint.open(model)
        func exported(_ name: String) throws -> Checkpoint {
            try Checkpoint.open(scratch.file("golden/models/finetune-n6-\(name)"))
        }
        let (free, rewound) = (try exported("free"), try exported("rewind-mask-50"))
        let frozen = try exported("freeze-random-20")
        let masks = try ["mask-50", "random-20"].map {
            try Mask(contentsOf: scratch.file("golden/masks/finetune-\($0).safetensors"))
        }
        var (back, moved) = (0, 0)
        for name in original.names {
            let (a, b, c, d) = (
                try values(original, name), try values(free, name), try values(rewound, name), try values(frozen, name)
            )
            for i in a.indices {
                let isRewound = masks[0][name]?.bits[i] ?? false
                #expect(c[i] == (isRewound ? a[i] : b[i]))
                if isRewound, a[i] != b[i] { back += 1 }
                guard masks[1][name]?.bits[i] ?? false else { continue }
                #expect(d[i] == a[i])
                if b[i] != a[i] { moved += 1 }
            }
        }
        // The masks hold weights that training moves.
        #expect(back > masks[0].count / 2 && moved > masks[1].count / 2, "\(back), \(moved)")
    }

    private func values(_ model: Checkpoint, _ name: String) throws -> [UInt32] {
        let shape = model.shape(of: name)!
        let buffer = AlignedBuffer(floats: shape.reduce(1, *))
        try model.read(name, rows: 0..<shape[0], into: buffer.floats.baseAddress!)
        return buffer.floatArray().map(\.bitPattern)
    }

    /// Stopped while models are trained and rewound, it goes on with other workers to the same bytes.
    @Test func stoppedInTheMiddleItGoesOn() throws {
        let golden = try golden()
        var stops = 0
        for (life, workers) in [2, 1, 3, 2].enumerated() {
            let child = try start("run", workers: workers)
            let before = (try? events("run", "committed").count) ?? 0
            if life < 3 {
                _ = eventually(within: 60) {
                    !child.isRunning || (try? events("run", "committed").count) ?? 0 >= before + 9
                }
                child.send(SIGTERM)
            }
            let code = child.waitForEnd(seconds: 120)
            if code == 0 { break }
            #expect(code == 128 + SIGTERM, "\(child.output)")
            stops += 1
        }
        #expect(stops > 0)
        let own = try files("run")
        for (name, bytes) in golden { #expect(own[name] == bytes, "\(name)") }
    }
}
