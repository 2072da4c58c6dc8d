import Foundation
import OutputFiles
import Synchronization
import TestSupport
import Testing

@Suite struct RunLedgerTests {
    private let files = TemporaryFolder()

    /// A line lost between two that record at once would have a sound file made again.
    @Test func recordsMadeAtOnceAreAllKept() throws {
        let paths = (0..<48).map { index in
            files.write("content \(index)", to: "f\(index)")
            return files.file("f\(index)")
        }
        let ledger = RunLedger(folder: files.path, say: { _ in })
        DispatchQueue.concurrentPerform(iterations: paths.count) { index in
            #expect(throws: Never.self) { try ledger.record(paths[index]) }
        }
        let said = Mutex<[String]>([])
        let again = RunLedger(folder: files.path, say: { line in said.withLock { $0.append(line) } })
        for path in paths { #expect(again.isSound(path)) }
        #expect(said.withLock { $0 }.isEmpty)
    }
}
