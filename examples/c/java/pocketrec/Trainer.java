package pocketrec;

/** A trainer from Java or Kotlin, through the JNI shim pocketrec_jni.c. Kotlin takes this class as it is. */
public final class Trainer implements AutoCloseable {
    static {
        System.loadLibrary("pocketrec_jni");
    }

    /** What the library refused, in its words; {@code status} is the number of the header. */
    public static final class PocketrecException extends RuntimeException {
        private static final long serialVersionUID = 1;
        public final int status;

        public PocketrecException(int status, String words) {
            super(words);
            this.status = status;
        }
    }

    /** Called after some steps and after each epoch; true stops training. */
    public interface OnEvent {
        boolean stop(boolean isEpoch, int epoch, double loss, double hr);
    }

    private long handle;

    private Trainer(long handle) {
        this.handle = handle;
    }

    /** A trainer of a new model, such as "neumf"; 0 factors are the model's default. */
    public static Trainer create(String model, int users, int items, int factors, int epochs, float learningRate) {
        return new Trainer(create0(model, users, items, factors, epochs, learningRate));
    }

    /** A trainer that goes on where a saved one was. */
    public static Trainer load(byte[] saved) {
        return new Trainer(load0(saved));
    }

    public byte[] save() {
        return save0(handle);
    }

    /** Trains on users[i] having items[i], for so many milliseconds at most; 0 is to the end. */
    public void fit(int[] users, int[] items, long milliseconds, OnEvent onEvent) {
        fit0(handle, users, items, milliseconds, onEvent);
    }

    /** The best items for a user, best first, into {@code scores} their logits. Gives as many items as there are. */
    public int[] recommend(int user, float[] scores) {
        return recommend0(handle, user, scores);
    }

    /** The items most like one, best first, into {@code cosines} how much. */
    public int[] similarItems(int item, float[] cosines) {
        return similarItems0(handle, item, cosines);
    }

    /** Learns from clicks at once. */
    public void absorb(int[] users, int[] items) {
        absorb0(handle, users, items);
    }

    /** Frees the model; calls after this are refused. */
    @Override
    public void close() {
        long freed = handle;
        handle = 0;
        free0(freed);
    }

    private static native long create0(String model, int users, int items, int factors, int epochs, float learningRate);

    private static native long load0(byte[] saved);

    private static native byte[] save0(long handle);

    private static native void fit0(long handle, int[] users, int[] items, long milliseconds, OnEvent onEvent);

    private static native int[] recommend0(long handle, int user, float[] scores);

    private static native int[] similarItems0(long handle, int item, float[] cosines);

    private static native void absorb0(long handle, int[] users, int[] items);

    private static native void free0(long handle);
}
