import FleetIO
import FleetSupport
import Foundation
import Scheduling
import Tensors
import TestSupport
import Testing

/// Local workers that die before the work begins: it begins with the others, or with another in their place, and nobody
/// waits for a process that is known to be dead.
@Suite(.serialized, .timeLimit(.minutes(2))) struct GatheringTests {
    /// When a worker dies.
    enum Moment: String, CaseIterable, Sendable {
        case start, hello, load
    }

    /// A program that is `faultline-worker`, but for its deaths.
    /// - Parameters:
    ///   - victims: who dies, by name.
    ///   - deaths: how often each of them does.
    private static func program(_ folder: TemporaryFolder, _ moment: Moment, victims: [String], deaths: Int) -> String {
        let death = moment == .start ? "kill -9 $$" : "export FAULTLINE_DIE_AT=\(moment):1"
        let others = victims.count == 1 ? "while [ ! -e \(folder.path)/\(victims[0]) ]; do sleep 0.01; done" : ":"
        let path = folder.write(
            """
            #!/bin/sh
            for word; do [ "$last" = --name ] && name=$word; last=$word; done
            case " \(victims.joined(separator: " ")) " in
              *" $name "*)
                starts=$(cat \(folder.path)/$name.starts 2>/dev/null || echo 0)
                echo $((starts + 1)) > \(folder.path)/$name.starts
                touch \(folder.path)/$name
                [ $starts -lt \(deaths) ] && \(death) ;;
              *) \(others) ;;
            esac
            exec \(ProcessTests.worker) "$@"

            """, to: "worker.sh")
        chmod(path, 0o755)
        return path
    }

    private static func starts(_ folder: TemporaryFolder, _ name: String) -> Int {
        let text = (try? String(contentsOfFile: folder.file("\(name).starts"), encoding: .utf8)) ?? ""
        return Int(text.split(separator: "\n").first ?? "") ?? 0
    }

    private static func score(_ folder: TemporaryFolder, _ program: String, story: Story) throws -> [String: [UInt8]] {
        var settings = FleetSettings(runDirectory: folder.file("run"))
        (settings.localWorkers, settings.pipelines, settings.threadsPerWorker) = (2, 2, 1)
        settings.memoryPerWorker = 1
        settings.workerExecutable = program
        // Whoever waits for a dead one waits longer than this suite may take.
        settings.registration = 600
        settings.happened = { story.hear($0) }
        let fleet = try Fleet(settings)
        defer { fleet.shutdown() }
        let count = try ProcessTests.layers()
        try fleet.use(
            model: ModelPlan(
                path: ProcessTests.model, layerBytes: [Int](repeating: 1, count: count),
                layerCost: [Double](repeating: 1, count: count)))
        var all: [String: [UInt8]] = [:]
        try fleet.run(ProcessTests.tasks(12), label: "score") { index, results in
            for result in results {
                for entry in try result.load().entries { all["\(index)/\(entry.name)"] = Array(entry.buffer.bytes) }
            }
        }
        return all
    }

    @Test(arguments: Moment.allCases, [1, 9]) func oneWorkerDies(moment: Moment, deaths: Int) throws {
        let (folder, story) = (TemporaryFolder(), Story())
        let program = Self.program(folder, moment, victims: ["worker-1"], deaths: deaths)
        #expect(try Self.score(folder, program, story: story) == ProcessTests.golden.get())
        let starts = moment == .load ? 1 : min(deaths + 1, 3)
        #expect(Self.starts(folder, "worker-1") == starts, "\(story.all)")
        if moment != .load {
            let ends = story.earlyEnds
            #expect(ends.contains { $0.isStartedAgain } && ends.contains { !$0.isStartedAgain } == (deaths > 2))
        }
    }

    @Test(arguments: Moment.allCases) func allDie(moment: Moment) {
        let (folder, story) = (TemporaryFolder(), Story())
        let program = Self.program(folder, moment, victims: ["worker-1", "worker-2"], deaths: 9)
        let error = #expect(throws: FleetError.self) { try Self.score(folder, program, story: story) }
        let line = error?.description ?? ""
        #expect(line.hasPrefix("no worker is left") && !line.contains("\n"), "\(line)")
        // Once they work, their connections' end may be seen before that of their processes.
        #expect(moment == .load || line.contains("signal 9"), "\(line)")
    }

    /// What fails by itself says why, and is not tried without end.
    @Test func aProgramThatFailsSaysWhy() {
        let (folder, story) = (TemporaryFolder(), Story())
        let program = folder.write("#!/bin/sh\necho \"no such library: libx\" >&2\nexit 127\n", to: "worker.sh")
        chmod(program, 0o755)
        let error = #expect(throws: FleetError.self) { try Self.score(folder, program, story: story) }
        let line = error?.description ?? ""
        #expect(line.contains("ended with exit code 127 before the work began: no such library: libx"), "\(line)")
        let ends = story.earlyEnds
        #expect(ends.allSatisfy { $0.end.cause == .exited(code: 127) && $0.end.lastWords == "no such library: libx" })
        #expect(ends.count { $0.isStartedAgain } == 4, "\(ends)")
    }

    /// Who says that it cannot take part is not asked again.
    @Test func aRefusalIsTakenAtItsWord() {
        let (folder, story) = (TemporaryFolder(), Story())
        let program = folder.write("#!/bin/sh\necho \"faultline-worker: no\"\nexit 2\n", to: "worker.sh")
        chmod(program, 0o755)
        #expect(throws: FleetError.self) { try Self.score(folder, program, story: story) }
        #expect(!story.earlyEnds.isEmpty && !story.earlyEnds.contains { $0.isStartedAgain })
    }
}
