import Checkpoint
import Coordinator
import Selection
import StepCommands
import Tensors
import TestSupport
import Testing

/// Commands that read a run's statistic say what is wrong with it by the file's path.
@Suite struct StatisticFileTests {
    private let folder = TemporaryFolder()

    private func write(_ statistic: String?, _ entries: [TensorBundle.Entry] = []) throws {
        let words = ["statistic": statistic].compactMapValues { $0 }
        try TensorBundle(metadata: words, entries: entries).write(safetensors: folder.file("s"))
    }

    private func fault(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)".replacing(folder.file("s"), with: "s") }
        return "nothing is wrong"
    }

    @Test func anotherStatisticIsNamed() throws {
        try write(LastTokenState.name)
        #expect(
            fault { _ = try StatisticFile(folder.file("s"), of: ResidualState.name) }
                == "s: holds the statistic last_token_state, and residual_state is needed")
        try write("a digest")
        #expect(
            fault { _ = try StatisticFile(folder.file("s"), of: ResidualState.name) }
                == "s: holds no statistic, and residual_state is needed")
    }

    @Test func whatItsTensorsLackIsNamed() throws {
        try write(nil)
        let file = try StatisticFile(folder.file("s"), of: ResidualState.name)
        #expect(
            fault { _ = try file.read { try ResidualState.meanDifference(of: $0, .input(1), position: -3) } }
                == "s: has no position -3; it has -1")
        #expect(
            fault { _ = try file.read { try ResidualState.meanDifference(of: $0, .input(1), position: -1) } }
                == "s: no entry for mean.harmful.input.1")
    }

    @Test func aClassOfLessThanOneUnitIsRefused() async throws {
        let config = try Checkpoint.open(TinyModel.fixture).config
        let modules = UnitLayout(config, attention: .head).modules
        try write(
            UnitVariance.name,
            ["harmful", "harmless"].flatMap { label in
                modules.map { module in
                    let width = module.map.shape(in: config).columns
                    return .init(
                        name: "variance.\(label).\(module.weight)", type: .f64, shape: [width],
                        buffer: AlignedBuffer(doubles: [Double](repeating: 1, count: width)))
                }
            })
        func classes(_ safety: String) async -> Int32 {
            await CommandLineMain.run([
                "units", "classes", "--model", TinyModel.fixture, "--statistic", folder.file("s"), "--safety", safety,
                "--utility", "10", "--redundant", "10", "--out", folder.file("c-\(safety)"),
            ])
        }
        #expect(await classes("0.01") == 2 && !Files.exists(folder.file("c-0.01")))
        #expect(await classes("0") == 0)
    }
}
