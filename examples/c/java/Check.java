import java.util.Arrays;
import pocketrec.Trainer;

/** Trains, recommends, learns from a click, saves and loads, and provokes errors. */
public final class Check {
    static void must(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void refused(Runnable call, int status) {
        try {
            call.run();
        } catch (Trainer.PocketrecException error) {
            must(error.status == status, error.status + ": " + error.getMessage());
            System.out.println("status " + error.status + ": " + error.getMessage());
            return;
        }
        throw new AssertionError("this must be refused");
    }

    public static void main(String[] args) {
        int users = 100, items = 80, tastes = 4, each = 12;
        int[] user = new int[users * each], item = new int[users * each];
        for (int row = 0; row < user.length; row++) {
            user[row] = row / each;
            item[row] = (user[row] % tastes + tastes * (7 * user[row] + 3 * (row % each))) % items;
        }
        double[] losses = new double[4];
        try (Trainer trainer = Trainer.create("neumf", users, items, 8, losses.length, 0.01f)) {
            trainer.fit(user, item, 0, (isEpoch, epoch, loss, hr) -> {
                if (isEpoch) {
                    losses[epoch - 1] = loss;
                }
                return false;
            });
            must(losses[3] > 0 && losses[3] < losses[0], Arrays.toString(losses));
            float[] scores = new float[5];
            int[] best = trainer.recommend(7, scores);
            must(best.length == 5 && scores[0] >= scores[4], "five, best first");
            trainer.absorb(new int[] {7}, new int[] {best[0]});
            int[] after = trainer.recommend(7, scores);
            must(Arrays.stream(after).noneMatch(other -> other == best[0]), "what was clicked is left out");
            must(trainer.similarItems(best[0], new float[3]).length == 3, "three are alike");
            byte[] saved = trainer.save();
            try (Trainer again = Trainer.load(saved)) {
                must(Arrays.equals(again.recommend(7, scores), after), "the same recommendations");
                must(Arrays.equals(again.save(), saved), "the same bytes");
            }
            refused(() -> trainer.recommend(users + 5, scores), 5);
            refused(() -> Trainer.load(Arrays.copyOf(saved, 99)), 3);
            refused(() -> Trainer.create("oracle", 1, 1, 0, 1, 0.1f), 4);
            refused(() -> trainer.absorb(new int[] {1, 2}, new int[] {1}), 6);
            try {
                trainer.fit(user, item, 0, (isEpoch, epoch, loss, hr) -> {
                    throw new IllegalStateException("not reached: training is over");
                });
            } catch (IllegalStateException error) {
                throw new AssertionError(error);
            }
            trainer.close();
            refused(() -> trainer.recommend(7, scores), 11);
        }
        try (Trainer trainer = Trainer.create("mf", users, items, 8, 3, 0.01f)) {
            trainer.fit(user, item, 0, (isEpoch, epoch, loss, hr) -> {
                throw new IllegalStateException("from the callback");
            });
            throw new AssertionError("what the callback throws comes out of fit");
        } catch (IllegalStateException error) {
            must(error.getMessage().equals("from the callback"), error.getMessage());
        }
        System.out.println("Java: all as it should be, losses " + Arrays.toString(losses));
    }
}
