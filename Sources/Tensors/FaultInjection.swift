import Foundation
import Synchronization

/// Tests: `FAULTLINE_DIE_AT=POINT:COUNT` ends this program as kill -9 would, when it is at a point for the COUNT-th time.
public enum FaultInjection {
    private final class Plan: Sendable {
        let point: String
        let left: Mutex<Int>

        init?(_ text: String?) {
            guard let parts = text?.split(separator: ":"), parts.count == 2, let count = Int(parts[1]), count > 0 else {
                return nil
            }
            point = String(parts[0])
            left = Mutex(count)
        }
    }

    private static let plan = Plan(ProcessInfo.processInfo.environment["FAULTLINE_DIE_AT"])

    public static func reached(_ point: @autoclosure () -> String) {
        guard let plan, plan.point == point() else { return }
        let isTime = plan.left.withLock { left in
            left -= 1
            return left == 0
        }
        if isTime { kill(getpid(), SIGKILL) }
    }
}
