import Foundation
import Protocol
import Scheduling
import Selection
import Tensors
import TestSupport
import Testing

/// Partials arrive in any order; what is folded of them has the same bytes.
struct ArrivalOrderTests {
    private let scratch: TemporaryFolder
    init() throws { scratch = TemporaryFolder() }

    /// Sums of these depend on the order of addition.
    private func partial(_ block: Int, _ stage: Int) -> StageResult {
        let stream = RandomStream(seed: 5, name: "\(block) \(stage)")
        let entry = TensorBundle.Entry(
            name: "t\(stage)", type: .f32, shape: [4], buffer: AlignedBuffer((0..<4).map { stream.float($0) * 1e8 }))
        return StageResult(
            stage: stage, layers: stage..<stage + 1, digest: "\(block) \(stage)",
            bundle: .memory(TensorBundle(entries: [entry])), worker: "w")
    }

    /// The folded file's bytes where results come in this order: pairs of block and stage.
    private func fold(_ order: [(block: Int, stage: Int)], blocks: Int, stages: Int) throws -> [UInt8] {
        var scheduler = Scheduler(
            tasks: (0..<blocks).map { _ in FleetTask(body: .score(statistics: [], batches: []), cost: 1) })
        for pipeline in 1...blocks { _ = scheduler.pipelineReady(UInt64(pipeline), stageCount: stages) }
        var committed: [[any Partial]] = []
        for (block, stage) in order {
            let pipeline = try #require((1...blocks).first { scheduler.running(on: UInt64($0)).contains(block) })
            let directives = scheduler.result(partial(block, stage), task: block, pipeline: UInt64(pipeline))
            for case .commit(let task, let results) in directives {
                #expect(task == committed.count)
                committed.append(
                    results.compactMap {
                        if case .memory(let bundle) = $0.bundle { BundlePartial(bundle, label: "") } else { nil }
                    })
            }
        }
        #expect(committed.count == blocks)
        let path = scratch.file("folded")
        try Fold.fold(blocks: committed, to: path)
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    @Test func everyPermutationGivesTheSameBytes() throws {
        let all = (0..<3).flatMap { block in (0..<2).map { (block: block, stage: $0) } }
        let golden = try fold(all, blocks: 3, stages: 2)
        let orders = permutations(Array(all.indices))
        #expect(orders.count == 720)
        for order in orders { #expect(try fold(order.map { all[$0] }, blocks: 3, stages: 2) == golden, "\(order)") }
    }

    @Test func aThousandRandomOrdersGiveTheSameBytes() throws {
        let all = (0..<8).flatMap { block in (0..<3).map { (block: block, stage: $0) } }
        let golden = try fold(all, blocks: 8, stages: 3)
        var chance = Chance(seed: Chance.firstSeed)
        for _ in 0..<1000 {
            var order = all
            for index in order.indices.reversed() { order.swapAt(index, chance.below(index + 1)) }
            #expect(try fold(order, blocks: 8, stages: 3) == golden, "seed \(Chance.firstSeed), \(order)")
        }
    }

    private func permutations(_ items: [Int]) -> [[Int]] {
        items.isEmpty
            ? [[]] : items.flatMap { first in permutations(items.filter { $0 != first }).map { [first] + $0 } }
    }
}
