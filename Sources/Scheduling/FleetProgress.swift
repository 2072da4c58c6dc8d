/// What is shown while a fleet works.
package struct FleetProgress: Sendable, Equatable, Codable {
    package struct Worker: Sendable, Equatable, Codable {
        package var name: String
        package var host: String
        package var pid: Int32
        /// "layers 0-11 of pipeline 1", "spare", "loading".
        package var state: String
        package var steps: UInt64
        /// Tasks its pipeline works on, by name.
        package var running: [String]
        /// Seconds since its last word, and seconds its present step has taken (0: it waits for work).
        package var silent: Double
        package var busy: Double
        package var activity = Activity.spare
        /// Whom or what it waits for, and why; empty where it computes.
        package var waits = ""
        /// Pipeline and stage, from 1; 0: none.
        package var pipeline = 0
        package var stage = 0
        /// Batches its stage is done with since it joined, and those of the last half minute a second.
        package var batches = 0
        package var rate = 0.0
        package var threads = 0
        package var memoryBytes = 0
    }

    package enum Activity: String, Codable, Sendable, CaseIterable {
        case computing, waiting, loading, spare, silent
    }

    /// Stages that hold the model together.
    package struct Pipeline: Sendable, Equatable, Codable {
        package var number: Int
        package var isReady: Bool
        package var stages: [Stage]
    }

    package struct Stage: Sendable, Equatable, Codable {
        package var worker: String
        /// Decoder layers, both ends included.
        package var firstLayer: Int
        package var lastLayer: Int
        /// What it is at: tasks with the batches done of all it has (0: not known beforehand).
        package var tasks: [Share]
    }

    package struct Share: Sendable, Equatable, Codable {
        package var name: String
        package var done: Int
        package var batches: Int
    }

    package enum Phase: String, Codable, Sendable {
        /// Workers are awaited; they load the model; they work; the study is between two steps; the run is over.
        case joining, loading, working, between, over
    }

    package var label = ""
    package var tasksDone = 0
    package var tasks = 0
    /// Includes the retired batches of running tasks.
    package var costDone = 0.0
    package var cost = 0.0
    package var seconds = 0.0
    package var workers: [Worker] = []
    /// Tasks that run twice, workers that leave, hosts that were set aside: why, in words.
    package var remarks: [String] = []
    package var phase = Phase.joining
    package var tasksRunning = 0
    package var tasksWaiting = 0
    package var pipelines: [Pipeline] = []
    /// What the run as a whole waits for.
    package var waits: [String] = []
    package var counts = FleetCounts()
    /// Seconds since a batch was done or a result came; `nil`: none was yet.
    package var idle: Double?

    package init() {}

    package var costPerSecond: Double { seconds > 0 ? costDone / seconds : 0 }
    package var secondsLeft: Double? { costPerSecond > 0 ? (cost - costDone) / costPerSecond : nil }
}
