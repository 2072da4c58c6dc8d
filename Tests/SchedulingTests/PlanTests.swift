import FleetSupport
import Scheduling
import Testing

struct PlanTests {
    func workers(_ count: Int, memory: Int = 1 << 40, threads: [Int] = []) -> [Plan.Worker] {
        (0..<count).map { Plan.Worker(id: $0 + 1, threads: $0 < threads.count ? threads[$0] : 1, memoryBytes: memory) }
    }

    @Test(arguments: [1, 2, 3, 5])
    func aModelThatFitsGetsAPipelineAWorker(count: Int) throws {
        let plan = try Plan.make(workers: workers(count), model: Fake.model(), pipelines: nil)
        #expect(plan.pipelines == (1...count).map { [Plan.Stage(worker: $0, layers: 0..<6)] })
        #expect(plan.fits && plan.spares == [])
    }

    @Test(arguments: [(1, 1), (2, 1), (3, 1), (5, 1), (5, 2), (6, 4), (9, 1), (13, 2)])
    func everyLayerIsHeldOnceInOrder(count: Int, pipelines: Int) throws {
        let plan = try Plan.make(workers: workers(count), model: Fake.model(), pipelines: pipelines)
        #expect(plan.pipelines.count == pipelines)
        for stages in plan.pipelines {
            #expect(stages.flatMap { Array($0.layers) } == Array(0..<6))
            #expect(stages.allSatisfy { !$0.layers.isEmpty })
        }
        #expect(Set(plan.pipelines.flatMap { $0.map(\.worker) } + plan.spares) == Set(1...count))
    }

    @Test func theHeadCountsForTheLastStageAndThreadsForAll() throws {
        var model = Fake.model(layers: 12)
        model.headCost = 4
        #expect(
            try Plan.make(workers: workers(2), model: model, pipelines: 1).pipelines[0].map(\.layers) == [
                0..<8, 8..<12,
            ])
        model.headCost = 0
        #expect(
            try Plan.make(workers: workers(2, threads: [1, 3]), model: model, pipelines: 1).pipelines[0].map(\.layers)
                == [0..<3, 3..<12])
    }

    @Test func memoryDecidesHowManyShareAModel() throws {
        var model = Fake.model()
        let plan = try Plan.make(workers: workers(4, memory: 3000), model: model, pipelines: nil)
        #expect(plan.pipelines.count == 2 && plan.fits)
        model.memoryMultiplier = 2
        #expect(try Plan.make(workers: workers(4, memory: 4000), model: model, pipelines: nil).pipelines.count == 1)
        // Too small for all of them together: still one pipeline, which widens its weights as it goes.
        let tight = try Plan.make(workers: workers(2, memory: 1000), model: model, pipelines: nil)
        #expect(tight.pipelines.count == 1 && !tight.fits)
        let uneven = [
            Plan.Worker(id: 1, threads: 1, memoryBytes: 2000), Plan.Worker(id: 2, threads: 1, memoryBytes: 1 << 30),
        ]
        #expect(
            try Plan.make(workers: uneven, model: model, pipelines: 1).pipelines[0].map(\.layers) == [0..<1, 1..<6])
    }

    @Test func onePipelineWhereOneIsPreferred() throws {
        var model = Fake.model()
        model.preferOnePipeline = true
        #expect(try Plan.make(workers: workers(3), model: model, pipelines: nil).pipelines.count == 1)
        model.preferOnePipeline = false
        model.maxPipelines = 2
        #expect(try Plan.make(workers: workers(3), model: model, pipelines: nil).pipelines.count == 2)
    }

    @Test(arguments: [0, 3, -1])
    func impossiblePipelinesAreRefused(pipelines: Int) {
        #expect(throws: FleetError.self) {
            try Plan.make(workers: workers(2), model: Fake.model(), pipelines: pipelines)
        }
    }

    @Test func noWorkersOrNoLayersIsAnError() {
        #expect(throws: FleetError.self) { try Plan.make(workers: [], model: Fake.model(), pipelines: nil) }
        #expect(throws: FleetError.self) {
            try Plan.make(workers: workers(1), model: Fake.model(layers: 0), pipelines: nil)
        }
    }
}
