import Checkpoint
import Foundation
import TestSupport
import Testing
import Worker

/// Paths that come in messages stay under the worker's roots.
struct ModelRootsTests {
    private let scratch: TemporaryFolder
    private let roots: ModelRoots

    init() throws {
        scratch = TemporaryFolder()
        for folder in ["models/llama", "models2", "other"] {
            try FileManager.default.createDirectory(atPath: scratch.file(folder), withIntermediateDirectories: true)
        }
        roots = try ModelRoots([scratch.file("models")])
    }

    @Test func whatIsUnderARootIsTaken() throws {
        let path = scratch.file("models/llama")
        #expect(try roots.confined(path) == path)
        #expect(try roots.confined(scratch.file("other/../models/llama")) == scratch.file("other/../models/llama"))
        // No root: no restriction.
        #expect(try ModelRoots([]).confined("/anywhere") == "/anywhere")
    }

    @Test func whatLeadsOutIsRefused() throws {
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("models/link"), withDestinationPath: scratch.file("other"))
        for path in ["models2", "other", "models/../other", "models/link", "models/missing"] {
            let error = #expect(throws: CheckpointError.self) { try roots.confined(scratch.file(path)) }
            #expect(error?.description.contains("--model-root") == true)
        }
        #expect(throws: CheckpointError.self) { try roots.confined("/etc/passwd") }
        #expect(throws: CheckpointError.self) { try ModelRoots([scratch.file("nothing")]) }
    }
}
