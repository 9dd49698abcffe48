/* The C library for Java and Kotlin: each function does what its name says and throws where the library refuses. */
#include "pocketrec.h"

#include <jni.h>
#include <stdlib.h>
#include <string.h>

/* Throws a status with its words, unless what a callback threw is on its way. */
static void refuse(JNIEnv *env, pocketrec_status status, const char *words)
{
    jclass type;
    jmethodID make;
    jstring text;
    jobject thrown;
    if ((*env)->ExceptionCheck(env)) {
        return;
    }
    type = (*env)->FindClass(env, "pocketrec/Trainer$PocketrecException");
    make = type == NULL ? NULL : (*env)->GetMethodID(env, type, "<init>", "(ILjava/lang/String;)V");
    text = make == NULL ? NULL : (*env)->NewStringUTF(env, words);
    thrown = text == NULL ? NULL : (*env)->NewObject(env, type, make, (jint)status, text);
    if (thrown != NULL) {
        (*env)->Throw(env, (jthrowable)thrown);
    }
}

/* Throws what the library said. Gives 1 where the call failed. */
static int refused(JNIEnv *env, pocketrec_status status)
{
    if (status == POCKETREC_OK) {
        return 0;
    }
    refuse(env, status, pocketrec_last_error());
    return 1;
}

static pocketrec_trainer *trainer_of(jlong handle)
{
    return (pocketrec_trainer *)(intptr_t)handle;
}

/* Users and items that go together. */
typedef struct {
    jint *users, *items;
    jsize rows;
} columns;

static int lend(JNIEnv *env, jintArray users, jintArray items, columns *lent)
{
    if (users == NULL || items == NULL) {
        refuse(env, POCKETREC_NULL, "users and items must be there");
        return 0;
    }
    lent->rows = (*env)->GetArrayLength(env, users);
    if ((*env)->GetArrayLength(env, items) != lent->rows) {
        refuse(env, POCKETREC_LENGTH, "there are not as many items as users");
        return 0;
    }
    lent->users = (*env)->GetIntArrayElements(env, users, NULL);
    if (lent->users == NULL) {
        return 0;
    }
    lent->items = (*env)->GetIntArrayElements(env, items, NULL);
    if (lent->items == NULL) {
        (*env)->ReleaseIntArrayElements(env, users, lent->users, JNI_ABORT);
        return 0;
    }
    return 1;
}

static void give_back(JNIEnv *env, jintArray users, jintArray items, columns *lent)
{
    (*env)->ReleaseIntArrayElements(env, users, lent->users, JNI_ABORT);
    (*env)->ReleaseIntArrayElements(env, items, lent->items, JNI_ABORT);
}

JNIEXPORT jlong JNICALL Java_pocketrec_Trainer_create0(JNIEnv *env, jclass type, jstring name, jint users, jint items,
                                                       jint factors, jint epochs, jfloat learning_rate)
{
    pocketrec_model model;
    pocketrec_train_config config;
    pocketrec_trainer *trainer = NULL;
    pocketrec_status status;
    const char *text = name == NULL ? NULL : (*env)->GetStringUTFChars(env, name, NULL);
    (void)type;
    if (name != NULL && text == NULL) {
        return 0;
    }
    pocketrec_model_init(&model, sizeof model);
    pocketrec_train_config_init(&config, sizeof config);
    model.name = text;
    model.users = (uint32_t)users;
    model.items = (uint32_t)items;
    model.factors = (uint32_t)factors;
    config.epochs = (uint32_t)epochs;
    config.learning_rate = learning_rate;
    status = pocketrec_trainer_new(&model, "cpu", 0, &config, &trainer);
    if (text != NULL) {
        (*env)->ReleaseStringUTFChars(env, name, text);
    }
    refused(env, status);
    return (jlong)(intptr_t)trainer;
}

JNIEXPORT jlong JNICALL Java_pocketrec_Trainer_load0(JNIEnv *env, jclass type, jbyteArray saved)
{
    pocketrec_trainer *trainer = NULL;
    pocketrec_status status;
    jbyte *bytes = saved == NULL ? NULL : (*env)->GetByteArrayElements(env, saved, NULL);
    (void)type;
    if (bytes == NULL) {
        if (saved == NULL) {
            refuse(env, POCKETREC_NULL, "saved must be there");
        }
        return 0;
    }
    status = pocketrec_trainer_load((const uint8_t *)bytes, (size_t)(*env)->GetArrayLength(env, saved), "cpu", 0, &trainer);
    (*env)->ReleaseByteArrayElements(env, saved, bytes, JNI_ABORT);
    refused(env, status);
    return (jlong)(intptr_t)trainer;
}

JNIEXPORT jbyteArray JNICALL Java_pocketrec_Trainer_save0(JNIEnv *env, jclass type, jlong handle)
{
    uint8_t *bytes;
    size_t len;
    jbyteArray saved = NULL;
    (void)type;
    if (refused(env, pocketrec_trainer_save(trainer_of(handle), &bytes, &len))) {
        return NULL;
    }
    if (len > 0x7fffffff) {
        refuse(env, POCKETREC_LENGTH, "the model is larger than an array of Java can be");
    } else {
        saved = (*env)->NewByteArray(env, (jsize)len);
    }
    if (saved != NULL) {
        (*env)->SetByteArrayRegion(env, saved, 0, (jsize)len, (const jbyte *)bytes);
    }
    pocketrec_bytes_free(bytes);
    return saved;
}

typedef struct {
    JNIEnv *env;
    jobject target;
    jmethodID stop;
} listener;

static int32_t on_event(void *context, const pocketrec_event *event)
{
    listener *to = (listener *)context;
    jboolean stop = (*to->env)->CallBooleanMethod(to->env, to->target, to->stop, (jboolean)(event->kind == POCKETREC_EPOCH),
                                                  (jint)event->epoch, (jdouble)event->loss, (jdouble)event->hr);
    return stop || (*to->env)->ExceptionCheck(to->env);
}

JNIEXPORT void JNICALL Java_pocketrec_Trainer_fit0(JNIEnv *env, jclass type, jlong handle, jintArray users, jintArray items,
                                                   jlong milliseconds, jobject target)
{
    pocketrec_trainer_info info;
    pocketrec_split *split = NULL;
    pocketrec_status status;
    columns lent;
    listener to;
    (void)type;
    info.size = sizeof info;
    if (refused(env, pocketrec_trainer_get_info(trainer_of(handle), &info)) || !lend(env, users, items, &lent)) {
        return;
    }
    status = pocketrec_split_from_columns(info.users, info.items, (const uint32_t *)lent.users, (const uint32_t *)lent.items, NULL,
                                          (size_t)lent.rows, 1, &split);
    give_back(env, users, items, &lent);
    if (refused(env, status)) {
        return;
    }
    memset(&to, 0, sizeof to);
    to.env = env;
    to.target = target;
    if (target != NULL) {
        to.stop = (*env)->GetMethodID(env, (*env)->GetObjectClass(env, target), "stop", "(ZIDD)Z");
    }
    if (target == NULL || to.stop != NULL) {
        status = pocketrec_trainer_fit(trainer_of(handle), split, (uint64_t)milliseconds, target == NULL ? NULL : on_event, &to, NULL);
        refused(env, status);
    }
    pocketrec_split_free(split);
}

typedef pocketrec_status (*ranking)(pocketrec_trainer *, uint32_t, pocketrec_scored *, size_t, size_t *);

/* As many of the best as there is room for their scores. */
static jintArray best_of(JNIEnv *env, ranking rank, jlong handle, jint row, jfloatArray scores)
{
    jint i, k, *items;
    jfloat *values;
    size_t found;
    pocketrec_scored *best;
    jintArray list = NULL;
    if (scores == NULL) {
        refuse(env, POCKETREC_NULL, "scores must be there: as many are looked for as they have room for");
        return NULL;
    }
    k = (*env)->GetArrayLength(env, scores);
    best = (pocketrec_scored *)malloc(((size_t)k + 1) * sizeof *best);
    items = (jint *)malloc(((size_t)k + 1) * sizeof *items);
    values = (jfloat *)malloc(((size_t)k + 1) * sizeof *values);
    if (best == NULL || items == NULL || values == NULL) {
        refuse(env, POCKETREC_MEMORY, "there is no memory for so many");
    } else if (!refused(env, rank(trainer_of(handle), (uint32_t)row, best, (size_t)k, &found))) {
        for (i = 0; i < (jint)found; i++) {
            items[i] = (jint)best[i].item;
            values[i] = best[i].score;
        }
        list = (*env)->NewIntArray(env, (jsize)found);
        if (list != NULL) {
            (*env)->SetIntArrayRegion(env, list, 0, (jsize)found, items);
        }
        if (!(*env)->ExceptionCheck(env)) {
            (*env)->SetFloatArrayRegion(env, scores, 0, (jsize)found, values);
        }
    }
    free(best);
    free(items);
    free(values);
    return list;
}

JNIEXPORT jintArray JNICALL Java_pocketrec_Trainer_recommend0(JNIEnv *env, jclass type, jlong handle, jint user, jfloatArray scores)
{
    (void)type;
    return best_of(env, pocketrec_trainer_recommend, handle, user, scores);
}

JNIEXPORT jintArray JNICALL Java_pocketrec_Trainer_similarItems0(JNIEnv *env, jclass type, jlong handle, jint item, jfloatArray scores)
{
    (void)type;
    return best_of(env, pocketrec_trainer_similar_items, handle, item, scores);
}

JNIEXPORT void JNICALL Java_pocketrec_Trainer_absorb0(JNIEnv *env, jclass type, jlong handle, jintArray users, jintArray items)
{
    columns lent;
    pocketrec_status status;
    (void)type;
    if (lend(env, users, items, &lent)) {
        status = pocketrec_trainer_absorb(trainer_of(handle), (const uint32_t *)lent.users, (const uint32_t *)lent.items,
                                          (size_t)lent.rows, NULL);
        give_back(env, users, items, &lent);
        refused(env, status);
    }
}

JNIEXPORT void JNICALL Java_pocketrec_Trainer_free0(JNIEnv *env, jclass type, jlong handle)
{
    (void)type;
    refused(env, pocketrec_trainer_free(trainer_of(handle)));
}
