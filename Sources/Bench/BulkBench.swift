import ArgumentParser
import Foundation
import Protocol
import Tensors

/// Bulk transfer beside what libzmq itself moves, in turns in one run.
struct BulkBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk", abstract: "Bulk transfer beside bare libzmq; then both programs, down to the disk.")

    @Option(help: "Rounds; medians are printed.") var rounds = 5
    @Option(help: "MiB a transfer.") var mebibytes = 512
    @Option(help: "The folder of faultline and faultline-worker.") var programs = "bin"

    func run() throws {
        let image = Self.image(byteCount: mebibytes << 20)
        let wires: [(name: String, tcp: Bool, curve: Bool)] = [
            ("ipc, NULL", false, false), ("TCP loopback, NULL", true, false), ("TCP loopback, CURVE", true, true),
        ]
        print("bulk transfer of \(mebibytes) MiB in frames of 1 MiB, GB/s, medians of \(rounds) rounds in turns")
        print(Self.row("", "libzmq", "ours", "ratio", "programs"))
        for wire in wires {
            var bare: [Double] = []
            var ours: [Double] = []
            var whole: [Double] = []
            for round in 0...rounds {
                let wireRun = try BulkWire(tcp: wire.tcp, curve: wire.curve)
                let first = try wireRun.bare(image)
                let second = try wireRun.ours(image)
                let third = try BulkPrograms(folder: programs).rate(tcp: wire.tcp, curve: wire.curve)
                // The first round warms up.
                guard round > 0 else { continue }
                bare.append(first)
                ours.append(second)
                if let third { whole.append(third) }
            }
            let ratio = median(zip(ours, bare).map { $0 / $1 })
            print(
                Self.row(
                    wire.name, Self.gigabytes(median(bare)), Self.gigabytes(median(ours)),
                    String(format: "%.2f", ratio), whole.isEmpty ? "-" : Self.gigabytes(median(whole))))
        }
        print(
            """
            libzmq: DEALER to ROUTER, frames dropped as they come. ours: BulkSender to BulkReceiver with credit, every chunk
            checked; the sender's sums are made with the item's digest, before. programs: faultline and one
            faultline-worker, 8 results of 64 MiB made, hashed, sent, checked, hashed again, written, flushed.
            """)
    }

    private static func image(byteCount: Int) -> TensorBundle.Image {
        let buffer = AlignedBuffer(byteCount: byteCount)
        let words = buffer.address.assumingMemoryBound(to: UInt64.self)
        for index in 0..<byteCount / 8 { words[index] = UInt64(index) &* 0x9E37_79B9_7F4A_7C15 }
        var image = TensorBundle(entries: [.init(name: "bulk", type: .u8, shape: [byteCount], buffer: buffer)]).image()
        _ = image.seal()
        return image
    }

    private static func gigabytes(_ rate: Double) -> String { String(format: "%.2f", rate / 1e9) }

    private static func row(_ words: String...) -> String {
        words[0].padding(toLength: 22, withPad: " ", startingAt: 0)
            + words.dropFirst().map { String(repeating: " ", count: max(1, 10 - $0.count)) + $0 }.joined()
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
